/** Tokens: what each may ask, by the declaration of the route, and when they end. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { needOf } from '../../src/kernel/scopes.ts'
import { createPortal } from '../../src/portal.ts'
import { routeScopes } from '../../src/scopes.ts'
import { routesOf } from '../support/fuzz.ts'
import { makePerson, tokenOf } from '../support/identities.ts'
import { type TestApp, testApp } from '../support/test-app.ts'
import { Browser, join, mailedToken, password } from './support.ts'

let app: TestApp
let portal: ReturnType<typeof createPortal>
let id: number
beforeAll(async () => {
  app = await testApp()
  portal = createPortal(app)
  id = await makePerson(app, 'admin-anna', ['member', 'packager', 'admin'])
})
afterAll(() => app.end())

const tokenFor = async (...scopes: Parameters<typeof tokenOf>[3]) => ({
  Authorization: `Bearer ${await tokenOf(app, id, 'admin-anna', scopes)}`,
})
const ask = (method: string, path: string, headers: Record<string, string>, body?: object) =>
  portal.request(`http://portal.test${path}`, {
    method,
    headers: { ...headers, ...(body && { 'Content-Type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
const codeOf = async (answer: Response) => ((await answer.json()) as { code?: string }).code

/** The builders' protocol has tokens of its own. */
const own = () => routesOf(portal).filter(({ path }) => !path.startsWith('/api/builder/'))

describe('every route', () => {
  it('says what it needs of a token', () => {
    const silent = own().filter(
      ({ method, path }) => needOf(routeScopes, method, path) === undefined,
    )
    expect(silent.map(({ method, path }) => `${method} ${path}`)).toEqual([])
  })

  it('is there, of those that are declared', () => {
    const there = new Set(own().map(({ method, path }) => `${method} ${path}`))
    expect(Object.keys(routeScopes).filter((each) => !there.has(each))).toEqual([])
  })

  it('that changes something refuses a token that may only read', async () => {
    const headers = await tokenFor('read')
    const through: string[] = []
    for (const { method, path } of own()) {
      if (method === 'GET' || routeScopes[`${method} ${path}`] === 'own') continue
      const answer = await ask(method, path.replaceAll(/:\w+/g, '1'), headers)
      const code = await codeOf(answer)
      if (answer.status !== 403 || !/^account\.(scope-missing|session-needed)$/.test(code ?? ''))
        through.push(`${method} ${path}: ${answer.status} ${code}`)
    }
    expect(through).toEqual([])
  })
})

describe('a token without read', () => {
  it.each(['edge', 'vote', 'package', 'admin'] as const)(
    '%s reads nothing that is its own',
    async (scope) => {
      const headers = await tokenFor(scope)
      for (const path of ['/api/account/me', '/api/account/tokens'])
        expect(await codeOf(await ask('GET', path, headers))).toBe('account.scope-missing')
      expect((await ask('GET', '/api/builds', headers)).status).toBe(200)
    },
  )
})

describe('a token', () => {
  it('revokes itself and no other', async () => {
    const [mine, other] = [await tokenFor('read'), await tokenFor('read')]
    const list = (await (await ask('GET', '/api/account/tokens', mine)).json()) as {
      items: { id: number }[]
    }
    const [otherId, mineId] = list.items.map((each) => each.id)
    const path = (number: number | undefined) => `/api/account/tokens/${number}`
    expect(await codeOf(await ask('DELETE', path(otherId), mine))).toBe('account.session-needed')
    expect((await ask('DELETE', path(mineId), mine)).status).toBe(204)
    expect((await ask('GET', '/api/account/me', mine)).status).toBe(401)
    expect((await ask('GET', '/api/account/me', other)).status).toBe(200)
  })

  it('leaves no form of browsers open, and no cookie beside it counts', async () => {
    const marie = await join(app, 'marie')
    const cookie = [...marie.cookies].map(([k, v]) => `${k}=${v}`).join('; ')
    const bearer = { Authorization: 'Bearer none-of-ours', Cookie: cookie }
    expect((await ask('GET', '/api/account/me', bearer)).status).toBe(401)
    const basic = await ask('POST', '/account/log-out', {
      Authorization: 'Basic eDp5',
      Cookie: cookie,
    })
    expect(basic.status).toBe(403)
    expect((await marie.get('/api/account/me')).status).toBe(200)
  })

  it.each(['reset', 'change'] as const)('ends with a password’s %s', async (how) => {
    const name = `tomas-${how}`
    const tomas = await join(app, name)
    const made = await tomas.json('POST', '/api/account/tokens', { name: 'ci', scopes: ['read'] })
    const { token } = (await made.json()) as { token: string }
    const headers = { Authorization: `Bearer ${token}` }
    expect((await ask('GET', '/api/account/me', headers)).status).toBe(200)
    const next = 'an anchor beneath the ice'
    if (how === 'change')
      await tomas.post('/account/password', { current: password, password: next })
    else {
      const email = `${name}@example.org`
      await tomas.post('/account/reset/request', { email })
      const link = await mailedToken(app, email)
      await new Browser(app).post('/account/reset', { token: link, password: next })
    }
    expect((await ask('GET', '/api/account/me', headers)).status).toBe(401)
  })
})
