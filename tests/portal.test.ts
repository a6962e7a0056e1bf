/** The web without sockets: headers, API description, events, files, and bad input that must not hurt. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { emit } from '../src/kernel/events.ts'
import { transaction } from '../src/kernel/transaction.ts'
import { createPortal } from '../src/portal.ts'
import { addBuilder } from '../src/tasks/builders.ts'
import { createTask } from '../src/tasks/tasks.ts'
import { prepareRelease } from './support/builds.ts'
import { ctxOf, seededRandom, type TestApp, testApp } from './support/test-app.ts'

let app: TestApp
let portal: ReturnType<typeof createPortal>
let tree: string
beforeAll(async () => {
  app = await testApp()
  tree = join(app.config.data_dir, 'pub/keel')
  mkdirSync(tree, { recursive: true })
  writeFileSync(join(tree, 'file.txt'), 'hello world')
  writeFileSync(join(app.config.data_dir, 'secret.txt'), 'secret')
  portal = createPortal(app)
  await prepareRelease(app)
})
afterAll(() => app.end())

const get = (path: string, headers: Record<string, string> = {}) =>
  portal.request(path, { headers })
const json = async (response: Response) => (await response.json()) as Record<string, unknown>

describe('the API', () => {
  it('describes itself in OpenAPI 3.1 with every route', async () => {
    const document = await json(await get('/api/openapi.json'))
    expect(document.openapi).toBe('3.1.0')
    const paths = Object.keys(document.paths as object)
    for (const path of ['/api/builds', '/api/updates/{alias}', '/api/tasks/{id}', '/metalink'])
      expect(paths).toContain(path)
  })

  it('answers what it does not know with a problem', async () => {
    const answer = await get('/api/nothing')
    expect(answer.status).toBe(404)
    expect(answer.headers.get('Content-Type')).toContain('application/problem+json')
    expect(await json(answer)).toMatchObject({ code: 'not-found', status: 404 })
  })

  it('names the field of bad input, and never shows a stack', async () => {
    const bad: [string, string][] = [
      ['/api/builds?limit=0', 'limit'],
      ['/api/builds?state=WRONG', 'state'],
      ['/api/tasks/abc', 'id'],
      ['/api/updates?cursor=%00%ff', 'cursor'],
      ['/api/events?since=-1', 'since'],
    ]
    for (const [path, field] of bad) {
      const answer = await get(path)
      const problem = await json(answer)
      expect(answer.status, path).toBeGreaterThanOrEqual(400)
      expect(answer.status, path).toBeLessThan(500)
      expect(problem.field, path).toBe(field)
      expect(JSON.stringify(problem)).not.toContain('at ')
    }
  })

  it('takes any bytes in any parameter without failing', async () => {
    const random = seededRandom('portal')
    const paths = [
      '/api/builds?package=',
      '/api/updates?release=',
      '/api/packages?search=',
      '/api/builds/',
      '/api/updates/',
      '/metalink?repo=',
      '/mirrorlist?arch=',
      '/pub/',
      '/api/people/',
    ]
    for (const path of paths)
      for (let round = 0; round < 25; round++) {
        const bytes = Array.from(
          random.bytes(8),
          (b) => `%${b.toString(16).padStart(2, '0')}`,
        ).join('')
        const answer = await get(`${path}${bytes}`)
        expect(answer.status, `${path}${bytes}`).toBeLessThan(500)
      }
    expect((await get(`/metalink?repo=${'x'.repeat(100_000)}`)).status).toBeLessThan(500)
  })

  it('answers 304 for what a client has, and only the fields that it wants', async () => {
    const first = await get('/api/builders')
    const etag = first.headers.get('ETag') ?? ''
    expect((await get('/api/builders', { 'If-None-Match': etag })).status).toBe(304)
    const ctx = ctxOf(app)
    await transaction(ctx, (tx) => createTask(tx, ctx, { method: 'x', label: 'one', payload: {} }))
    const tasks = await json(await get('/api/tasks?fields=id,label'))
    expect(Object.keys((tasks.items as object[])[0] ?? {})).toEqual(['id', 'label'])
  })

  it('pages by cursor without gap or double', async () => {
    const ctx = ctxOf(app)
    for (let n = 0; n < 7; n++)
      await transaction(ctx, (tx) =>
        createTask(tx, ctx, { method: 'page', label: `${n}`, payload: {} }),
      )
    const seen: string[] = []
    for (let cursor = ''; ; ) {
      const page = await json(await get(`/api/tasks?method=page&limit=3&cursor=${cursor}`))
      seen.push(...(page.items as { label: string }[]).map((each) => each.label))
      if (page.next === null) break
      cursor = String(page.next)
    }
    expect(seen).toEqual(['6', '5', '4', '3', '2', '1', '0'])
  })

  it('changes nothing for whoever is not logged in', async () => {
    const body = JSON.stringify({ package: 'keel-release' })
    const headers = { 'Content-Type': 'application/json' }
    const answer = await portal.request('/api/builds', { method: 'POST', body, headers })
    expect(answer.status).toBe(401)
    expect(await json(answer)).toMatchObject({ code: 'account.log-in-needed' })
  })

  it('refuses forms from other origins', async () => {
    const answer = await portal.request('/updates/new', {
      method: 'POST',
      body: new URLSearchParams({ title: 'x' }),
      headers: { Origin: 'https://evil.example' },
    })
    expect(answer.status).toBe(403)
  })
})

const grant = { arches: ['x86_64'], channels: ['default'], drivers: ['host'], capacity: 2 }

describe('builders', () => {
  it('need a token of their own', async () => {
    const ask = (token: string) =>
      portal.request('/api/builder/claim', { method: 'POST', headers: { Authorization: token } })
    for (const token of ['Bearer', 'Bearer slb_wrong']) expect((await ask(token)).status).toBe(401)
    // A browser may add Basic by itself: such a request must come from here.
    expect((await ask('Basic slb_x')).status).toBe(403)
    const token = await addBuilder(ctxOf(app), 'b1', grant)
    expect((await ask(`Bearer ${token}`)).status).toBe(204)
  })
})

describe('a builder that asks for the tasks of workers', () => {
  it('gets none', async () => {
    const ctx = ctxOf(app)
    const authorization = { Authorization: `Bearer ${await addBuilder(ctx, 'greedy', grant)}` }
    const post = (path: string, body: object) =>
      portal.request(`/api/builder/${path}`, {
        method: 'POST',
        headers: { ...authorization, 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      })
    const beat = { version: '1', arches: ['x86_64'], capacity: 1, drivers: ['host'], missing: [] }
    await post('heartbeat', { ...beat, channels: ['worker', 'worker-crawl'], tasks: [] })
    await transaction(ctx, (tx) =>
      createTask(tx, ctx, { method: 'push', label: 'x', payload: {}, priority: 0 }),
    )
    expect((await post('claim', {})).status).toBe(204)
  })
})

describe('events', () => {
  it('page from a cursor', async () => {
    const ctx = ctxOf(app)
    await transaction(ctx, (tx) => emit(tx, ctx, 'test.one', 'test:1', { a: 1 }))
    const page = await json(await get('/api/events?since=0&type=test.'))
    expect(page.items).toMatchObject([{ type: 'test.one', subject: 'test:1', payload: { a: 1 } }])
    const rest = await json(await get(`/api/events?since=${page.next}&type=test.`))
    expect(rest.items).toEqual([])
  })

  it('stream on from Last-Event-ID', async () => {
    const ctx = ctxOf(app)
    const page = await json(await get('/api/events?since=0&limit=1000'))
    await transaction(ctx, (tx) => emit(tx, ctx, 'test.two', 'test:2'))
    const answer = await get('/api/events', { 'Last-Event-ID': String(page.next) })
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('test:2')) text += (await reader?.read())?.value ?? ''
    await reader?.cancel()
    expect(text).toContain('event: test.two')
  })
})

describe('files', () => {
  it('come whole, in ranges, and with their folder', async () => {
    expect(await (await get('/pub/keel/file.txt')).text()).toBe('hello world')
    const part = await get('/pub/keel/file.txt', { Range: 'bytes=6-10' })
    expect(part.status).toBe(206)
    expect(await part.text()).toBe('world')
    expect(await (await get('/pub/keel/')).text()).toContain('file.txt')
    expect((await get('/pub/keel')).status).toBe(301)
    expect((await get('/pub/none')).status).toBe(404)
  })

  it('never come from outside the tree', async () => {
    for (const path of [
      '/pub/../secret.txt',
      '/pub/%2e%2e/secret.txt',
      '/pub/..%2fsecret.txt',
      '/pub/keel/..%5c..%5csecret.txt',
      '/pub/%00',
      '/pub//etc/passwd',
      '/pub/%2fetc/passwd',
    ])
      expect(await (await get(path)).text(), path).not.toMatch(/^secret$|root:/)
  })
})

describe('package managers', () => {
  it('are told what exists when they ask for something else', async () => {
    for (const path of ['/metalink?repo=x&arch=y', '/mirrorlist', '/metalink']) {
      const answer = await get(path)
      expect(answer.status).toBe(404)
      expect(await answer.text()).toContain('repo=baseos-10')
    }
  })
})

describe('every answer', () => {
  it('carries the security headers', async () => {
    const { headers } = await get('/healthz')
    expect(headers.get('Content-Security-Policy')).toContain("default-src 'self'")
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(headers.get('X-Request-Id')).toBeTruthy()
  })
})
