/** Bodies that are too large, and forms of other sites. */
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PortalError } from '../../src/kernel/errors.ts'
import { isOwnOrigin, MAX_BODY_BYTES } from '../../src/kernel/guards.ts'
import { type HttpEnv, problem } from '../../src/kernel/http.ts'
import { createPortal } from '../../src/portal.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let portal: ReturnType<typeof createPortal>
beforeAll(async () => {
  app = await testApp()
  portal = createPortal(app)
})
afterAll(() => app.end())

const origin = 'http://portal.test'
const post = (path: string, body: BodyInit, headers: Record<string, string>) =>
  portal.request(origin + path, {
    method: 'POST',
    body,
    headers: { Origin: origin, ...headers },
    ...(body instanceof ReadableStream && { duplex: 'half' }),
  } as RequestInit)

/** Bytes that nobody has announced the length of. */
function endless(total_bytes: number) {
  let sent = 0
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent >= total_bytes) return controller.close()
      sent += 64 * 1024
      controller.enqueue(new Uint8Array(64 * 1024).fill(97))
    },
  })
  return { stream, sent: () => sent }
}

describe('a body past 1 MiB', () => {
  const large = `{"text":"${'a'.repeat(10 * MAX_BODY_BYTES)}"}`

  it('is answered with a problem where programs ask', async () => {
    const answer = await post('/api/updates/KEEL-1/comments', large, {
      'Content-Type': 'application/json',
      'Content-Length': String(large.length),
    })
    expect(answer.status).toBe(413)
    expect(answer.headers.get('Content-Type')).toContain('application/problem+json')
    expect(await answer.json()).toMatchObject({ code: 'input.too-large' })
  })

  it('brings a person back to their page with a sentence', async () => {
    const answer = await post('/updates/KEEL-1/vote', `text=${large}`, {
      'Content-Type': 'application/x-www-form-urlencoded',
      'Content-Length': String(large.length + 5),
      Accept: 'text/html,application/xhtml+xml',
      Referer: `${origin}/updates/KEEL-1`,
    })
    expect(answer.status).toBe(303)
    expect(answer.headers.get('Location')).toBe('/updates/KEEL-1')
    expect(answer.headers.get('Set-Cookie')).toContain('slipway_flash=')
  })

  it('never sends anyone to another site', async () => {
    const answer = await post('/updates/KEEL-1/vote', `text=${large}`, {
      'Content-Type': 'application/x-www-form-urlencoded',
      'Content-Length': String(large.length + 5),
      Accept: 'text/html',
      Referer: `${origin}//evil.example/x`,
    })
    expect(answer.headers.get('Location')).toBe('/')
  })

  it('is not read to its end when its length is not announced', async () => {
    const body = endless(100 * MAX_BODY_BYTES)
    const answer = await post('/api/account/tokens', body.stream, {
      'Content-Type': 'application/json',
    })
    expect(answer.status).toBe(413)
    expect(body.sent()).toBeLessThan(4 * MAX_BODY_BYTES)
  })

  it('is let through to routes that take files', async () => {
    const answer = await post('/api/sources', 'a'.repeat(2 * MAX_BODY_BYTES), {
      'Content-Type': 'application/octet-stream',
    })
    expect(answer.status).toBe(401)
  })
})

describe('isOwnOrigin', () => {
  const local = { url: 'http://127.0.0.1:4321' }
  it.each([
    [local, 'http://127.0.0.1:4321', true],
    [local, 'http://localhost:4321', true],
    [local, 'http://[::1]:4321', true],
    [local, 'http://localhost:4322', false],
    [local, 'https://localhost:4321', false],
    [local, 'http://localhost.evil.example:4321', false],
    [local, 'null', false],
    [{ url: 'https://portal.keel.example' }, 'https://portal.keel.example', true],
    [{ url: 'https://portal.keel.example' }, 'https://localhost', false],
    [{ url: 'https://portal.keel.example' }, 'http://portal.keel.example', false],
  ])('%j takes %s: %s', (config, from, expected) => {
    expect(isOwnOrigin(config, from)).toBe(expected)
  })
})

describe('who asks too often', () => {
  it('is told when to come back', async () => {
    const routes = new Hono<HttpEnv>()
    routes.onError((error, c) => problem(c, error))
    routes.get('/', (c) => {
      c.set('ctx', ctxOf(app))
      throw new PortalError('rate.limited', { params: { wait_s: 7 } })
    })
    const answer = await routes.request('/')
    expect(answer.status).toBe(429)
    expect(answer.headers.get('Retry-After')).toBe('7')
  })
})
