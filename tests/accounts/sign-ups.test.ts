import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { person } from '../../db/schema/accounts.ts'
import { purgeUnverified } from '../../src/accounts/sign-ups.ts'
import { DAY_MS, MINUTE_MS } from '../../src/kernel/clock.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'
import { Browser, join, letters, mailedToken, password } from './support.ts'

let app: TestApp
beforeEach(async () => {
  app = await testApp()
})
afterEach(() => app.end())

const marie = { username: 'marie', email: 'marie@example.org', password }

describe('signing up', () => {
  it('leads by a mailed link to an account that is logged in', async () => {
    const browser = new Browser(app)
    const { to, status } = await browser.post('/account/sign-up', { ...marie, username: 'Marie' })
    expect([status, to]).toEqual([303, '/account/verify'])
    expect((await browser.get('/api/people/marie')).status).toBe(404)
    const token = await mailedToken(app, marie.email)
    expect((await browser.post('/account/verify', { token, password })).to).toBe('/account')
    const me = await (await browser.get('/api/account/me')).json()
    expect(me).toMatchObject({ username: 'marie', roles: ['member'], email: marie.email })
    expect((await browser.get('/api/people/MARIE')).status).toBe(200)
  })

  it.each([
    [{ username: 'me' }, 'username'],
    [{ username: "'; drop table person; --" }, 'username'],
    [{ email: 'marie' }, 'email'],
    [{ email: 'marie@example.org\r\nBcc: x@example.org' }, 'email'],
    [{ password: 'password123' }, 'password'],
    [{ password: 'x'.repeat(100_000) }, 'password'],
  ])('with %j says which field and why, and gives back what was typed', async (wrong, field) => {
    const form = { ...marie, ...wrong }
    const { to, flash } = await new Browser(app).post('/account/sign-up', form)
    expect(to).toBe('/account/sign-up')
    expect(flash).toMatchObject({ kind: 'error', field, values: { username: form.username } })
    expect(JSON.stringify(flash)).not.toContain(form.password.slice(0, 50))
    expect(await letters(app)).toHaveLength(0)
  })

  it('from another site is refused', async () => {
    const browser = new Browser(app)
    const response = await browser.json('POST', '/account/sign-up', undefined, {
      'Content-Type': 'application/x-www-form-urlencoded',
      Origin: 'https://evil.example',
    })
    expect(response.status).toBe(403)
  })

  it('answers the same, with one letter, whether or not the name or the address is taken', async () => {
    await join(app, 'marie')
    const answers = []
    for (const form of [
      { username: 'newcomer', email: 'new@example.org' },
      { username: 'marie', email: 'rival@example.org' },
      { username: 'another', email: 'marie@example.org' },
      { username: 'marie', email: 'marie@example.org' },
    ]) {
      const before = (await letters(app)).length
      const answer = await new Browser(app).post('/account/sign-up', { ...form, password })
      const sent = (await letters(app)).slice(before)
      expect(sent.map(({ to }) => to)).toEqual([form.email])
      answers.push(JSON.stringify(answer).replaceAll(form.email, '<email>'))
    }
    expect(new Set(answers).size).toBe(1)
    expect(await app.db.$count(person)).toBe(2)
  })

  it('with one name at once gives it to one', async () => {
    const forms = Array.from({ length: 8 }, (_, i) => ({ ...marie, email: `m${i}@example.org` }))
    await Promise.all(forms.map((form) => new Browser(app).post('/account/sign-up', form)))
    expect(await app.db.$count(person)).toBe(1)
    expect(await letters(app)).toHaveLength(8)
  })

  it('does not let a stranger prepare an account with someone else’s address', async () => {
    const stranger = new Browser(app)
    const theirs = 'the stranger knows this'
    await stranger.post('/account/sign-up', { ...marie, username: 'mallory', password: theirs })
    const strange = await mailedToken(app, marie.email)
    const browser = new Browser(app)
    await browser.post('/account/sign-up', marie)
    const own = await mailedToken(app, marie.email)
    // Marie opens the stranger's letter by mistake and types her own password.
    const wrong = await browser.post('/account/verify', { token: strange, password })
    expect(wrong.flash?.kind).toBe('error')
    expect((await browser.post('/account/verify', { token: own, password })).to).toBe('/account')
    const late = await stranger.post('/account/verify', { token: strange, password: theirs })
    expect(late.flash?.kind).toBe('error')
    const login = await stranger.post('/account/log-in', { login: 'mallory', password: theirs })
    expect(login.flash?.kind).toBe('error')
  })
})

describe('the link', () => {
  it('works for 60 minutes and once, and a newer one ends it', async () => {
    const browser = new Browser(app)
    await browser.post('/account/sign-up', marie)
    const first = await mailedToken(app, marie.email)
    await browser.post('/account/verify/resend', { email: 'MARIE@example.org' })
    const second = await mailedToken(app, marie.email)
    const open = (token: string) => browser.post('/account/verify', { token, password })
    expect((await open(first)).flash?.kind).toBe('error')
    app.clock.advance(61 * MINUTE_MS)
    expect((await open(second)).flash?.kind).toBe('error')
    await browser.post('/account/verify/resend', { email: marie.email })
    const third = await mailedToken(app, marie.email)
    expect((await open(third)).flash?.kind).toBe('done')
    expect((await open(third)).flash?.kind).toBe('error')
  })

  it('is not sent again for an address nobody signed up with, and the answer is the same', async () => {
    await new Browser(app).post('/account/sign-up', marie)
    const known = await new Browser(app).post('/account/verify/resend', { email: marie.email })
    const before = (await letters(app)).length
    const none = await new Browser(app).post('/account/verify/resend', { email: 'no@example.org' })
    expect(await letters(app)).toHaveLength(before)
    const masked = JSON.stringify(none).replaceAll('no@example.org', marie.email)
    expect(masked).toBe(JSON.stringify(known))
  })
})

it('a sign-up that nobody verified is gone after 7 days, and one that was stays', async () => {
  await join(app, 'tomas')
  await new Browser(app).post('/account/sign-up', marie)
  app.clock.advance(7 * DAY_MS - 1)
  expect(await purgeUnverified(ctxOf(app))).toBe(0)
  app.clock.advance(1)
  expect(await purgeUnverified(ctxOf(app))).toBe(1)
  const rows = await app.db.select().from(person)
  expect(rows.map(({ username }) => username)).toEqual(['tomas'])
  await join(app, 'marie')
})
