/** Requests that can't be read, and methods that an address does not take: refused in words, with the input named. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkTexts } from '../../src/kernel/readable.ts'
import { rowNumber } from '../../src/kernel/row-number.ts'
import { createPortal } from '../../src/portal.ts'
import { makePerson, sessionOf, tokenOf } from '../support/identities.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

const origin = 'http://portal.test'
let app: TestApp
let portal: ReturnType<typeof createPortal>
let cookie: string
let token: string
beforeAll(async () => {
  app = await testApp()
  portal = createPortal(app)
  const id = await makePerson(app, 'member-mary')
  cookie = await sessionOf(app, id)
  token = await tokenOf(app, id, 'member-mary', ['read'])
})
afterAll(() => app.end())

async function ask(method: string, path: string, headers: Record<string, string>, body?: string) {
  const init = {
    method,
    headers: { Origin: origin, ...headers },
    ...(body !== undefined && { body }),
  }
  const answer = await portal.request(origin + path, init)
  const text = await answer.text()
  const problem = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {}
  return { status: answer.status, headers: answer.headers, problem }
}

describe('a cookie that is not ours to read', () => {
  it.each(['a=100%', 'slipway_session=%ff', 'slipway_lang=%; slipway_flash=%%%', '=;;='])(
    '%s is as if it were not there',
    async (bad) => {
      expect((await ask('GET', '/healthz', { Cookie: bad })).status).toBe(200)
    },
  )

  it('takes no session away that stands beside it', async () => {
    const { problem } = await ask('GET', '/api/account/me', { Cookie: `a=100%; ${cookie}` })
    expect(problem.username).toBe('member-mary')
  })
})

describe('what can’t be read', () => {
  const json = { 'Content-Type': 'application/json' }
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
  it.each([
    ['POST', '/account/verify', { 'Content-Type': 'multipart/form-data' }, 'x', 'body'],
    ['POST', '/account/verify', { 'Content-Type': 'multipart/form-data; boundary=x' }, 'x', 'body'],
    ['POST', '/api/account/tokens', json, '{"name":', 'body'],
    ['POST', '/api/account/tokens', json, '['.repeat(5000) + ']'.repeat(5000), 'body'],
    ['POST', '/api/account/tokens', json, '{"name":"a\\u0000","scopes":["read"]}', 'name'],
    ['POST', '/api/account/tokens', json, '{"name":"a","scopes":["\\ud800"]}', 'scopes.0'],
    ['POST', '/account/sign-up', form, 'username=a%00b', 'username'],
    ['GET', '/api/packages?search=%00', {}, undefined, 'search'],
    ['GET', '/search?q=%00', {}, undefined, 'q'],
    ['GET', '/packages/%00', {}, undefined, 'address'],
    ['GET', '/people/%2500', {}, undefined, 'address'],
    ['GET', '/packages/%zz', {}, undefined, 'address'],
  ])('%s %s is refused, and the input named', async (method, path, headers, body, field) => {
    const { status, problem } = await ask(method, path, headers as Record<string, string>, body)
    expect(status).toBe(400)
    expect(problem.field).toBe(field)
    expect(problem.detail).toMatch(/^[A-Z].+\.$/)
  })

  it('is found at any depth, without recursion', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(60)}"\\u0000"${'}'.repeat(60)}`)
    expect(() => checkTexts(deep)).toThrow('input.text')
    expect(() => checkTexts({ a: [1, null, true, { b: 'fine' }] })).not.toThrow()
  })

  it('leaves files to the routes that take them', async () => {
    const type = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` }
    expect((await ask('POST', '/api/sources', type, 'no JSON')).status).toBe(403)
  })
})

describe('a name longer than any', () => {
  it.each(['/pub/', '/api/builds/', '/packages/'])('is not under %s', async (path) => {
    expect((await ask('GET', path + 'a'.repeat(5000), {})).status).toBe(404)
  })
})

describe('a method that an address does not take', () => {
  it.each([
    ['DELETE', '/api/builds', 'GET, POST, HEAD'],
    ['PUT', '/api/account/me', 'GET, HEAD'],
    ['PATCH', '/healthz', 'GET, HEAD'],
    ['PURGE', '/', 'GET, HEAD'],
    ['POST', '/builds', 'GET, HEAD'],
    ['DELETE', '/builds/new', 'GET, HEAD, POST'],
  ])('%s %s is 405 with those that it takes', async (method, path, allow) => {
    const { status, headers, problem } = await ask(method, path, {})
    expect(status).toBe(405)
    expect(headers.get('Allow')).toBe(allow)
    expect(problem.detail).toContain(allow)
  })

  it('is 404 where nothing is', async () => {
    expect((await ask('DELETE', '/api/nothing', {})).status).toBe(404)
  })
})

describe('rowNumber', () => {
  it.each([
    ['7', 7],
    ['abc', 0],
    ['-1', 0],
    ['1.5', 0],
    ['1e21', 0],
    ['9'.repeat(16), 0],
    ['9'.repeat(400), 0],
    [undefined, 0],
  ])('reads %s as %s', (typed, number) => expect(rowNumber(typed)).toBe(number))
})
