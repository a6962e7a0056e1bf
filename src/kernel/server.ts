/**
 * The web's HTTP server, before anything of ours or of Astro's reads a request: what can't be a request is refused
 * in words, every answer gets its headers, and whoever sends too slowly, or takes nothing, is cut off.
 */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { App } from './context.ts'
import { PortalError } from './errors.ts'
import { problemOf } from './http.ts'
import { PATIENCE, type Patience, watchBodies } from './patience.ts'
import { reason } from './reason.ts'
import { securityHeaders } from './security-headers.ts'

/** Headers come in one packet or two; a proxy or a browser sends them at once. */
const HEADERS_MS = 20_000
const LOOK_EVERY_MS = 5000
/** Whoever takes nothing of an answer for so long has gone, or means to hold it. */
const TAKE_MS = 120_000

/** Methods that no Request of the fetch standard can have. */
const FORBIDDEN = ['TRACE', 'TRACK', 'CONNECT']
const ALLOWED = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

type Site = Pick<App, 'config' | 'words'>

/** What is wrong with a request before its address means anything. */
function faultOf({ method = '', url = '' }: IncomingMessage): PortalError | undefined {
  if (FORBIDDEN.includes(method))
    return new PortalError('request.method', { params: { method, allowed: ALLOWED } })
  try {
    decodeURI(url)
    return undefined
  } catch {
    const reasons = [reason('request.address')]
    return new PortalError('input.unreadable', { field: 'address', reasons })
  }
}

/**
 * The path with those characters as they are that may stand in one either way: Astro decodes all others, so that
 * `/packages/libcase%2B%2B` would be no package's address. Slash, question mark, number sign and percent sign stay.
 */
export function plainAddress(url: string): string {
  const [path = '', ...query] = url.split('?')
  const plain = path.replace(/%(?:2[46BC]|3[ABD]|40)/gi, (code) => decodeURIComponent(code))
  return [plain, ...query].join('?')
}

function refuse(site: Site, response: ServerResponse, error: PortalError): void {
  const { body, headers } = problemOf(site, error)
  // Its body is not read any more, so that nothing else can come on this connection.
  response.writeHead(error.status, { ...headers, Connection: 'close' })
  response.end(JSON.stringify(body))
}

/** @param handler answers what is a request */
export function createWebServer(
  site: Site,
  handler: RequestListener,
  {
    patience = PATIENCE,
    headers_ms = HEADERS_MS,
    take_ms = TAKE_MS,
  }: { patience?: Patience; headers_ms?: number; take_ms?: number } = {},
): Server {
  const headers = Object.entries(securityHeaders(site.config))
  const answers = new WeakMap<IncomingMessage, ServerResponse>()
  const watch = watchBodies(patience, (request) => {
    const response = answers.get(request)
    if (!response || response.headersSent) request.destroy()
    else {
      response.once('close', () => request.destroy())
      refuse(site, response, new PortalError('request.slow'))
    }
  })
  const server = createServer(
    {
      headersTimeout: headers_ms,
      connectionsCheckingInterval: Math.min(LOOK_EVERY_MS, headers_ms),
      // Bodies are watched by what they bring: a source package may take its hour.
      requestTimeout: 0,
    },
    (request, response) => {
      for (const [name, value] of headers) response.setHeader(name, value)
      const fault = faultOf(request)
      if (fault) return refuse(site, response, fault)
      request.url = plainAddress(request.url ?? '/')
      answers.set(request, response)
      watch(request)
      return handler(request, response)
    },
  )
  server.setTimeout(take_ms, (socket) => {
    // Without bytes that wait for it, it is we who are slow.
    if (socket.writableLength > 0) socket.destroy()
  })
  server.on('connect', (_, socket) => {
    socket.end(`HTTP/1.1 405 Method Not Allowed\r\nAllow: ${ALLOWED}\r\nConnection: close\r\n\r\n`)
  })
  return server
}
