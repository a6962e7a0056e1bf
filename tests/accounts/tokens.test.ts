import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DAY_MS } from '../../src/kernel/clock.ts'
import { type TestApp, testApp } from '../support/test-app.ts'
import { Browser, join } from './support.ts'

let app: TestApp
let marie: Browser
let tomas: Browser
beforeEach(async () => {
  app = await testApp()
  marie = await join(app, 'marie')
  tomas = await join(app, 'tomas')
})
afterEach(() => app.end())

const make = async (body: object) => {
  const response = await marie.json('POST', '/api/account/tokens', body)
  return { status: response.status, body: await response.json() }
}
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })
const me = async (token: string) => new Browser(app).get('/api/account/me', bearer(token))

describe('a token', () => {
  it('acts for its person within its scopes', async () => {
    const { status, body } = await make({ name: 'ci', scopes: ['vote', 'read'], life_days: 30 })
    expect(status).toBe(201)
    expect(body.token).toMatch(/^slp_[\w-]{43}$/)
    const answer = await me(body.token)
    expect(await answer.json()).toMatchObject({ username: 'marie', scopes: ['read', 'vote'] })
    const list = await (await marie.get('/api/account/tokens')).json()
    expect(list.items[0]).toMatchObject({ name: 'ci', scopes: ['read', 'vote'] })
    expect(JSON.stringify(list)).not.toContain(body.token)
  })

  it.each([
    [{ name: '', scopes: ['read'] }, 'name'],
    [{ name: 'x', scopes: [] }, 'scopes'],
    [{ name: 'x', scopes: ['root'] }, 'scopes.0'],
    [{ name: 'x', scopes: ['read'], life_days: -1 }, 'life_days'],
  ])('like %j is refused with its field', async (body, field) => {
    expect(await make(body)).toMatchObject({ status: 422, body: { field } })
  })

  it('can make no other token and no other password', async () => {
    const { body } = await make({ name: 'all', scopes: ['read', 'vote', 'package', 'admin'] })
    const other = new Browser(app)
    const answer = await other.json(
      'POST',
      '/api/account/tokens',
      { name: 'more', scopes: ['read'] },
      bearer(body.token),
    )
    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ code: 'account.session-needed' })
  })

  it('tells when it was last used', async () => {
    const { body } = await make({ name: 'ci', scopes: ['read'], life_days: 30 })
    const noted = async () => {
      const list = await (await marie.get('/api/account/tokens')).json()
      return list.items[0].last_used_at
    }
    expect(await noted()).toBeNull()
    for (const status of [200, 200]) expect((await me(body.token)).status).toBe(status)
    await vi.waitFor(async () => expect(await noted()).not.toBeNull(), 5000)
  })

  it('ends when its time is over', async () => {
    const { body } = await make({ name: 'short', scopes: ['read'], life_days: 30 })
    app.clock.advance(15 * DAY_MS)
    expect((await me(body.token)).status).toBe(200)
    app.clock.advance(15 * DAY_MS)
    expect((await me(body.token)).status).toBe(401)
  })

  it('ends when it is revoked, by its own person only', async () => {
    const { body } = await make({ name: 'gone', scopes: ['read'] })
    const path = `/api/account/tokens/${body.id}`
    expect((await tomas.json('DELETE', path)).status).toBe(404)
    expect((await me(body.token)).status).toBe(200)
    expect((await marie.json('DELETE', path)).status).toBe(204)
    const answer = await me(body.token)
    expect(answer.status).toBe(401)
    expect(await answer.json()).toMatchObject({ code: 'account.token-invalid' })
  })

  it('made on the page is shown by the next page, once', async () => {
    const form = { name: 'laptop', 'scope-read': 'on', life_days: '90' }
    const { to, flash } = await marie.post('/account/tokens', form)
    expect(to).toBe('/account#tokens')
    expect((await me(flash?.values?.made ?? '')).status).toBe(200)
  })
})
