/** What a neighbour's host, a listener with a watch, and a terminal must not get; and what is kept of failures. */
import { afterEach, describe, expect, it } from 'vitest'
import { auditOfSubject } from '../../src/kernel/audit.ts'
import { printable } from '../../src/kernel/printable.ts'
import { createPortal } from '../../src/portal.ts'
import { makePerson, password } from '../support/identities.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp | undefined
afterEach(async () => {
  await app?.end()
  app = undefined
})

async function post(url: string, path: string, form: Record<string, string>) {
  app ??= await testApp()
  return createPortal(app).request(url + path, {
    method: 'POST',
    headers: { Origin: url },
    body: new URLSearchParams(form),
  })
}

describe('cookies', () => {
  it('are of this host alone where it is reached by https, and log in by that name only', async () => {
    const url = 'https://portal.test'
    app = await testApp({ env: { SLIPWAY_URL: url } })
    await makePerson(app, 'member-mary')
    const answer = await post(url, '/account/log-in', { login: 'member-mary', password })
    const [cookie = ''] = answer.headers.getSetCookie()
    expect(cookie).toMatch(/^__Host-slipway_session=/)
    for (const attribute of ['Path=/', 'Secure', 'HttpOnly']) expect(cookie).toContain(attribute)
    expect(cookie).not.toContain('Domain')
    const [pair = ''] = cookie.split(';')
    const me = (Cookie: string) =>
      createPortal(app as TestApp).request(`${url}/api/account/me`, { headers: { Cookie } })
    expect((await me(pair)).status).toBe(200)
    expect((await me(pair.replace('__Host-', ''))).status).toBe(401)
    const failed = await post(url, '/account/log-in', { login: 'member-mary', password: 'x' })
    expect(failed.headers.getSetCookie()[0]).toMatch(/^__Host-slipway_flash=.*Secure/)
  })
})

describe('a log-in with a wrong password', () => {
  it('is on record of the person whom it was tried on', async () => {
    app = await testApp()
    await makePerson(app, 'member-mary')
    await post('http://portal.test', '/account/log-in', { login: 'member-mary', password: 'x' })
    const record = await auditOfSubject(app.db, 'person:member-mary')
    expect(record.map((each) => each.action)).toContain('account.log-in-failed')
  })
})

describe('a reset that is asked for', () => {
  it('takes no shorter for an address that nobody has', async () => {
    app = await testApp()
    await makePerson(app, 'member-mary')
    for (const email of ['member-mary@example.org', 'nobody@example.org']) {
      const began = performance.now()
      await post('http://portal.test', '/account/reset/request', { email })
      expect(performance.now() - began).toBeGreaterThan(95)
    }
  })
})

describe('printable', () => {
  it.each([
    ['\u001b[31mred\u001b[0m', '\\x1b[31mred\\x1b[0m'],
    ['a\rb\u0007\u009b', 'a\\x0db\\x07\\x9b'],
    ['\u202eevil', '\\u202eevil'],
    ['two\nlines\tand Ünïcödé 😀', 'two\nlines\tand Ünïcödé 😀'],
  ])('shows %j as %j', (text, shown) => expect(printable(text)).toBe(shown))
})
