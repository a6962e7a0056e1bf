/** Whatever is sent to the addresses about mirrors is answered clearly, and never with a fault of ours. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { publishSnapshot } from '../../src/mirrors/snapshots.ts'
import { createPortal } from '../../src/portal.ts'
import { mirrorData, provedMirror, publish } from '../support/mirror-world.ts'
import { numbers } from '../support/mirrors.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let portal: ReturnType<typeof createPortal>
beforeAll(async () => {
  app = await testApp()
  await publish(app, 'baseos-10', 'one')
  await provedMirror(app, mirrorData('one.example.org', 'https://one.example.org/keel/'))
  await publishSnapshot(app)
  portal = createPortal(app)
})
afterAll(() => app.end())

const PATHS = [
  ...['/metalink', '/mirrorlist', '/api/mirrors', '/api/mirrors/explain'],
  ...['/api/mirrors/propagation', '/api/mirrors/statistics', '/api/mirrors/one.example.org/checks'],
]
const FIELDS = [
  'repo',
  'arch',
  'path',
  'country',
  'ip',
  'protocol',
  'redirect',
  'countme',
  'cursor',
]

/** Asks, and expects an answer that is not a fault of ours. */
async function statusOf(path: string, init: RequestInit = {}): Promise<number> {
  const answer = await portal.request(`http://portal.test${path}`, init)
  expect([path.slice(0, 200), answer.status < 500]).toEqual([path.slice(0, 200), true])
  return answer.status
}

describe('any bytes', () => {
  it('in any parameter of any address', async () => {
    const random = numbers(3)
    const bytes = () => {
      const length = Math.floor(random() * 40)
      return Array.from({ length }, () => {
        const byte = Math.floor(random() * 256)
        return random() < 0.5
          ? `%${byte.toString(16).padStart(2, '0')}`
          : encodeURIComponent(String.fromCharCode(byte))
      }).join('')
    }
    for (const path of PATHS)
      for (const field of FIELDS)
        for (let n = 0; n < 5; n++)
          await statusOf(`${path}?repo=baseos-10&arch=x86_64&${field}=${bytes()}`)
  })

  it('as wrong escapes, in query and path', async () => {
    for (const wrong of ['%', '%zz', '%c3%28', '%00', '%ff%fe', '%u0041', '%25%'])
      for (const path of [
        ...PATHS.map((each) => `${each}?repo=${wrong}`),
        `/download/${wrong}`,
        `/api/mirrors/${wrong}`,
        `/pub/${wrong}`,
      ])
        await statusOf(path)
  })

  it('as a query of 100 kB', async () => {
    const long = 'x'.repeat(100_000)
    for (const path of PATHS) await statusOf(`${path}?repo=baseos-10&arch=x86_64&country=${long}`)
    for (const path of PATHS) await statusOf(`${path}?${'a=b&'.repeat(25_000)}`)
    await statusOf(`/download/${long}`)
    await statusOf(`/api/mirrors/${long}`)
  })

  it('in the body of a sign-up or of counts', async () => {
    const headers = { 'Content-Type': 'application/json' }
    for (const path of [
      '/api/mirrors',
      '/api/mirrors/counts',
      '/api/mirrors/one.example.org/proof',
    ])
      for (const body of ['', '{', '[]', 'null', '"\u0000"', '{"mirror":{"urls":[1]}}'])
        expect(await statusOf(path, { method: 'POST', headers, body })).toBeGreaterThanOrEqual(400)
  })
})

describe('spoofed forwarding headers', () => {
  const PEER = Symbol.for('astro.clientAddress')
  async function familyOf(peer: string, headers: Record<string, string>) {
    const request = new Request(
      'http://portal.test/api/mirrors/explain?repo=baseos-10&arch=x86_64',
      {
        headers,
      },
    )
    Object.assign(request, { [PEER]: peer })
    const answer = await portal.request(request)
    return ((await answer.json()) as { family: number }).family
  }

  it('move nobody: only a trusted proxy is believed', async () => {
    expect(await familyOf('192.0.2.1', {})).toBe(4)
    for (const header of [
      'X-Forwarded-For',
      'Forwarded',
      'X-Real-IP',
      'CF-Connecting-IP',
      'True-Client-IP',
    ])
      for (const value of [
        '2001:db8::1',
        'for="[2001:db8::1]"',
        '2001:db8::1, 2001:db8::2',
        '\u00ff',
        ','.repeat(5000),
      ])
        expect(await familyOf('192.0.2.1', { [header]: value })).toBe(4)
  })
})
