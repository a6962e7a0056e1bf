import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as accountTables from '../../db/schema/accounts.ts'
import * as kernelTables from '../../db/schema/kernel.ts'
import { makeFirstAdminLink } from '../../src/accounts/admins.ts'
import { DAY_MS, MINUTE_MS } from '../../src/kernel/clock.ts'
import { createMailTransport, sendDueMail } from '../../src/kernel/mail.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'
import { Browser, join, letters, mailedToken, password } from './support.ts'

let app: TestApp
beforeEach(async () => {
  app = await testApp()
})
afterEach(() => app.end())

const whoAmI = async (browser: Browser) => (await browser.get('/api/account/me')).status

describe('logging in', () => {
  it('takes the username or the address, and goes to where one came from', async () => {
    await join(app, 'marie')
    for (const login of ['marie', 'MARIE', 'marie@example.org', 'Marie@Example.org']) {
      const browser = new Browser(app)
      const { to } = await browser.post('/account/log-in?next=/updates', { login, password })
      expect(to).toBe('/updates')
      expect(await whoAmI(browser)).toBe(200)
    }
  })

  it.each(['//evil.example', 'https://evil.example', '/\\evil.example', '/x\r\nSet-Cookie: a=b'])(
    'never leads to %j',
    async (next) => {
      await join(app, 'marie')
      const path = `/account/log-in?next=${encodeURIComponent(next)}`
      const { to } = await new Browser(app).post(path, { login: 'marie', password })
      expect(to).toBe('/account')
    },
  )

  it('says the same for a wrong password and for nobody', async () => {
    await join(app, 'marie')
    const tries = [
      { login: 'marie', password: 'not her password' },
      { login: 'nobody-here', password },
      { login: 'nobody@example.org', password },
      { login: "' or 1=1 --", password },
      { login: 'marie', password: 'x'.repeat(1_000_000) },
      { login: '', password: '' },
    ]
    const said = []
    for (const form of tries) {
      const { to, flash } = await new Browser(app).post('/account/log-in', form)
      expect(flash?.values?.login).toBe(form.login)
      said.push(JSON.stringify([to, flash?.kind, flash?.sentence, flash?.field]))
    }
    expect(new Set(said).size).toBe(1)
  })

  it('before the address is proved says so to whoever knows the password only', async () => {
    const form = { username: 'marie', email: 'marie@example.org', password }
    await new Browser(app).post('/account/sign-up', form)
    const right = await new Browser(app).post('/account/log-in', { login: 'marie', password })
    const wrong = await new Browser(app).post('/account/log-in', { login: 'marie', password: '?' })
    expect(right.flash?.sentence).toContain('not proved')
    expect(wrong.flash?.sentence).not.toContain('proved')
  })

  it('stops after ten tries at an account, even with the right password, for a while', async () => {
    await join(app, 'marie')
    const attempt = (guess: string) =>
      new Browser(app).post('/account/log-in', { login: 'marie', password: guess })
    for (let n = 0; n < 10; n++) await attempt(`guess number ${n}`)
    expect((await attempt(password)).flash?.sentence).toContain('Too many tries')
    app.clock.advance(10 * MINUTE_MS)
    expect((await attempt(password)).to).toBe('/account')
  })
})

describe('a session', () => {
  it('ends by logging out', async () => {
    const browser = await join(app, 'marie')
    const cookies = new Map(browser.cookies)
    await browser.post('/account/log-out')
    expect(browser.cookies.size).toBe(0)
    for (const [name, value] of cookies) browser.cookies.set(name, value)
    expect(await whoAmI(browser)).toBe(401)
  })

  it('ends after 30 days without use, and goes on with use', async () => {
    const browser = await join(app, 'marie')
    for (const days of [20, 20, 20]) {
      app.clock.advance(days * DAY_MS)
      expect(await whoAmI(browser)).toBe(200)
    }
    app.clock.advance(31 * DAY_MS)
    expect(await whoAmI(browser)).toBe(401)
  })

  it('ends elsewhere when the password changes here', async () => {
    const here = await join(app, 'marie')
    const there = new Browser(app)
    await there.post('/account/log-in', { login: 'marie', password })
    const change = (current: string) =>
      here.post('/account/password', { current, password: 'another quiet harbour' })
    expect((await change('a wrong password')).flash?.field).toBe('current')
    expect(await whoAmI(there)).toBe(200)
    expect((await change(password)).flash?.kind).toBe('done')
    expect([await whoAmI(here), await whoAmI(there)]).toEqual([200, 401])
    expect((await letters(app)).at(-1)?.subject).toContain('was changed')
  })

  it('of someone else can’t be ended', async () => {
    const marie = await join(app, 'marie')
    const tomas = await join(app, 'tomas')
    for (const { id } of await app.db.select().from(accountTables.session))
      await tomas.post('/account/sessions/end', { id })
    expect([await whoAmI(marie), await whoAmI(tomas)]).toEqual([200, 401])
  })
})

describe('a forgotten password', () => {
  it('is set anew by a mailed link, once; every session ends', async () => {
    const old = await join(app, 'marie')
    const browser = new Browser(app)
    await browser.post('/account/reset/request', { email: 'marie@example.org' })
    const token = await mailedToken(app, 'marie@example.org')
    const set = (fresh: string) => browser.post('/account/reset', { token, password: fresh })
    const refused = await set('password123')
    expect(refused).toMatchObject({ to: `/account/reset?token=${token}` })
    expect((await set('a brand new harbour')).to).toBe('/account')
    expect([await whoAmI(old), await whoAmI(browser)]).toEqual([401, 200])
    expect((await set('yet another harbour')).flash?.kind).toBe('error')
  })

  it('answers the same where nobody has the address, and mails nobody', async () => {
    await join(app, 'marie')
    const ask = (email: string) => new Browser(app).post('/account/reset/request', { email })
    const known = await ask('marie@example.org')
    const before = (await letters(app)).length
    const none = await ask('nobody@example.org')
    expect(await letters(app)).toHaveLength(before)
    const masked = JSON.stringify(none).replaceAll('nobody@example.org', 'marie@example.org')
    expect(masked).toBe(JSON.stringify(known))
  })
})

it('no secret that a person holds is in the database', async () => {
  const browser = await join(app, 'marie')
  const verifyToken = await mailedToken(app, 'marie@example.org')
  const made = await browser.json('POST', '/api/account/tokens', { name: 'ci', scopes: ['read'] })
  const { token } = (await made.json()) as { token: string }
  const adminLink = await makeFirstAdminLink(ctxOf(app))
  const sessionId = browser.cookies.get('slipway_session') ?? ''
  const adminToken = adminLink?.split('token=')[1] ?? ''
  // Letters hold their link until the worker has sent them; then nothing does.
  await sendDueMail(app, createMailTransport(app))
  const secrets = { sessionId, token, adminToken, verifyToken, password }
  for (const secret of Object.values(secrets)) expect(secret.length).toBeGreaterThan(20)
  const dump = await dumpOf(app)
  expect(dump).toContain('marie@example.org')
  for (const [name, secret] of Object.entries(secrets))
    expect(dump.includes(secret), name).toBe(false)
})

/** Every row of every table that accounts write to. */
async function dumpOf(from: TestApp): Promise<string> {
  const tables = [...Object.values(accountTables), ...Object.values(kernelTables)]
  const rows = await Promise.all(tables.map((table) => from.db.select().from(table as never)))
  return JSON.stringify(rows)
}
