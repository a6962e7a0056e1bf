/** The web's server by its sockets: what is no request, who sends too slowly, and the headers of every answer. */
import type { RequestListener, Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { readConfig } from '../../src/kernel/config.ts'
import { arrivalAt, isOver, looked, type Patience } from '../../src/kernel/patience.ts'
import { createWebServer, plainAddress } from '../../src/kernel/server.ts'
import { readOwnWords } from '../../src/kernel/words.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

const quick: Patience = { idle_ms: 80, grace_ms: 10_000, bytes_per_s: 1024 }

async function start(
  handler: RequestListener,
  options: { patience?: Patience; headers_ms?: number; take_ms?: number; url?: string } = {},
): Promise<number> {
  const config = readConfig({ SLIPWAY_URL: options.url ?? 'http://portal.test' })
  const server = createWebServer({ config, words: readOwnWords(config) }, handler, options)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const hello: RequestListener = (_, response) => void response.end('hello')

/** Sends what is given and reads until the server closes the connection. */
function talk(port: number, text: string, after: (socket: Socket) => void = () => {}) {
  return new Promise<string>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(text)
      after(socket)
    })
    let said = ''
    socket.on('data', (chunk) => {
      said += chunk.toString()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(said))
  })
}

const get = (path: string, method = 'GET') =>
  `${method} ${path} HTTP/1.1\r\nHost: portal.test\r\nConnection: close\r\n\r\n`

describe('what is no request', () => {
  it.each(['TRACE', 'CONNECT'])('%s is refused with what is taken instead', async (method) => {
    const said = await talk(await start(hello), get('/', method))
    expect(said).toMatch(/^HTTP\/1.1 405 /)
    expect(said).toContain('Allow: GET, HEAD, POST')
    expect(said).not.toContain('hello')
  })

  it('is an address that decodes to nothing, and is told so', async () => {
    const said = await talk(await start(hello), get('/search?q=%ff'))
    expect(said).toMatch(/^HTTP\/1.1 400 /)
    expect(said).toContain('"field":"address"')
    expect(said).toContain('A percent sign')
  })
})

describe('plainAddress', () => {
  it.each([
    ['/packages/libcase%2B%2b', '/packages/libcase++'],
    ['/errata/KLSA-2026%3A0001?x=%2B%3A', '/errata/KLSA-2026:0001?x=%2B%3A'],
    ['/a%2Fb%3Fc%23d%25e%00', '/a%2Fb%3Fc%23d%25e%00'],
    ['/a%252B', '/a%252B'],
    ['/a?b?c', '/a?b?c'],
  ])('reads %s as %s', (url, plain) => expect(plainAddress(url)).toBe(plain))
})

describe('every answer', () => {
  it('has the headers, of whatever the handler makes it', async () => {
    const said = await talk(await start(hello), get('/_astro/file.css'))
    for (const header of [
      "Content-Security-Policy: default-src 'self'",
      'X-Content-Type-Options: nosniff',
      'X-Frame-Options: DENY',
      'Referrer-Policy: same-origin',
    ])
      expect(said).toContain(header)
    expect(said).not.toContain('Strict-Transport-Security')
  })

  it('promises https where the portal is reached by it', async () => {
    const said = await talk(await start(hello, { url: 'https://portal.test' }), get('/'))
    expect(said).toContain('Strict-Transport-Security: max-age=31536000')
  })
})

describe('who sends too slowly', () => {
  const post = 'POST / HTTP/1.1\r\nHost: portal.test\r\nContent-Length: 1000\r\n\r\n'
  const reading: RequestListener = (request, response) => {
    request.resume()
    request.on('end', () => response.end('whole'))
    request.on('error', () => {})
  }

  it('is cut off in the middle of a body', async () => {
    const said = await talk(await start(reading, { patience: quick }), `${post}a`)
    expect(said).toMatch(/^HTTP\/1.1 408 /)
    expect(said).toContain('did not come in time')
  })

  it('is cut off in the middle of the headers', async () => {
    const said = await talk(await start(hello, { headers_ms: 80 }), 'GET / HTTP/1.1\r\nX: ')
    expect(said).toMatch(/^HTTP\/1.1 408 /)
  })

  it('is not who sends all, however long the answer takes', async () => {
    const slow: RequestListener = (request, response) => {
      request.resume()
      request.on('end', () => setTimeout(() => response.end('whole'), 400))
    }
    const port = await start(slow, { patience: quick })
    const said = await talk(
      port,
      `${post.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}${'a'.repeat(1000)}`,
    )
    expect(said).toContain('whole')
  })
})

describe('who takes nothing', () => {
  /** An answer that no buffer on the way holds. */
  const large: RequestListener = (_, response) => void response.end(Buffer.alloc(64 * 1024 * 1024))

  it('is cut off', async () => {
    const port = await start(large, { take_ms: 200 })
    const server = servers.at(-1)
    const socket = connect(port, '127.0.0.1', () => socket.write(get('/')))
    socket.on('error', () => {})
    socket.pause()
    const open = () =>
      new Promise<number>((resolve) => server?.getConnections((_, n) => resolve(n)))
    await vi.waitFor(async () => expect(await open()).toBe(1))
    await vi.waitFor(async () => expect(await open()).toBe(0), 10_000)
    socket.destroy()
  })

  it('is not who takes all, nor who waits for an answer that is being made', async () => {
    const slow: RequestListener = (_, response) =>
      void setTimeout(() => response.end(Buffer.alloc(8 * 1024 * 1024, 'x')), 600)
    const said = await talk(await start(slow, { take_ms: 200 }), get('/'))
    expect(said.length).toBeGreaterThan(8 * 1024 * 1024)
  })
})

describe('isOver', () => {
  const patience: Patience = { idle_ms: 30_000, grace_ms: 60_000, bytes_per_s: 1024 }
  it('lets nobody wait without a byte', () => {
    expect(isOver(arrivalAt(0), 30_000, patience)).toBe(false)
    expect(isOver(arrivalAt(0), 30_001, patience)).toBe(true)
  })

  it('counts the rate of the whole after a while, so that a byte now and then is not enough', () => {
    let trickle = arrivalAt(0)
    for (let at = 20_000; at <= 80_000; at += 20_000)
      trickle = looked(trickle, at, at / 1000, false)
    expect(isOver(trickle, 80_000, patience)).toBe(true)
    const thin = looked(arrivalAt(0), 80_000, 80 * 1024, false)
    expect(isOver(thin, 80_000, patience)).toBe(false)
  })

  it('does not count the time in which we did not read', () => {
    let held = looked(arrivalAt(0), 1000, 65_536, false)
    for (let at = 10_000; at <= 600_000; at += 10_000) held = looked(held, at, 65_536, true)
    expect(isOver(held, 600_000, patience)).toBe(false)
    expect(isOver(held, 640_000, patience)).toBe(true)
  })
})
