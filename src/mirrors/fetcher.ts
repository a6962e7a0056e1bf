/**
 * One HTTP request to a host that we do not trust: the name is resolved once, every address is checked,
 * and the connection goes to a checked address, so that no later answer of a name server (rebinding) can
 * lead into a private network. Bodies, times and redirects are bounded; nothing is decompressed.
 */
import { lookup } from 'node:dns/promises'
import * as http from 'node:http'
import * as https from 'node:https'
import { isIP } from 'node:net'
import { isPrivateAddress } from '../kernel/source-url.ts'
import type { HostBudget } from './budget.ts'
import { mirrorHostAndPort } from './mirror.ts'

export interface FetchLimits {
  /** Until the connection, with TLS, stands. */
  connect_ms: number
  /** For one request with its redirects and body. */
  request_ms: number
  body_bytes: number
  redirects: number
}

export const defaultLimits: FetchLimits = {
  connect_ms: 8000,
  request_ms: 20_000,
  body_bytes: 256 * 1024,
  redirects: 5,
}

/** Why there is no answer; each has a sentence, `reason.mirror.fault.<fault>`. */
export type Fault =
  | 'no-address'
  | 'private'
  | 'refused'
  | 'connect-timeout'
  | 'timeout'
  | 'tls'
  | 'redirects'
  | 'redirect-private'
  | 'redirect-scheme'
  | 'too-large'
  | 'budget'
  | 'protocol'
  | 'broken'

export class FetchFault extends Error {
  readonly fault: Fault
  /** What the network said, for the evidence. */
  readonly detail: string
  constructor(fault: Fault, detail = '') {
    super(`${fault} ${detail}`)
    this.fault = fault
    this.detail = detail.replace(/[^\x20-\x7e]/g, '?').slice(0, 200)
  }
}

export interface Answer {
  status: number
  etag: string | undefined
  /** As the answer says it; undefined where it does not. */
  length_bytes: number | undefined
  encoding: string | undefined
  body: Buffer
}

export interface FetchRequest {
  method: 'GET' | 'HEAD'
  url: string
  family: 4 | 6 | undefined
  etag?: string | undefined
  signal?: AbortSignal | undefined
}

export interface FetchOptions {
  user_agent: string
  /** `host:port` items that may be private or local. */
  private_mirrors: readonly string[]
  limits: FetchLimits
}

/**
 * @throws FetchFault for everything but an answer; a status of 400 and more is an answer
 */
export async function fetchBounded(
  options: FetchOptions,
  budget: HostBudget,
  request: FetchRequest,
): Promise<Answer> {
  // Waiting for our own turn is no fault of the mirror.
  let left_ms = options.limits.request_ms
  let url = new URL(request.url)
  for (let hops = 0; ; hops++) {
    const hop = { ...request, url, left_ms }
    const answer = await budget.use(async () => {
      const began = performance.now()
      const given = await requestOnce(options, budget, hop, hops > 0)
      left_ms -= performance.now() - began
      return given
    })
    if (answer.location === undefined) return answer
    if (hops >= options.limits.redirects) throw new FetchFault('redirects', answer.location)
    url = redirectTarget(url, answer.location)
  }
}

/** Never from https to anything else, and to nothing but HTTP. */
function redirectTarget(from: URL, location: string): URL {
  const to = URL.parse(location, from)
  const allowed = from.protocol === 'https:' ? ['https:'] : ['http:', 'https:']
  if (!to || !allowed.includes(to.protocol)) throw new FetchFault('redirect-scheme', location)
  return to
}

interface Hop extends Omit<FetchRequest, 'url'> {
  url: URL
  left_ms: number
}

/**
 * An address of the host that may be connected to.
 * @throws FetchFault `private` when any address of the name is, so that no mix of both gets through
 */
export async function checkedAddress(
  url: URL,
  family: 4 | 6 | undefined,
  private_mirrors: readonly string[],
  limit_ms: number,
): Promise<string> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const found = isIP(host) ? [host] : await resolve(host, limit_ms)
  const own = private_mirrors.includes(mirrorHostAndPort(url))
  const hidden = own ? undefined : found.find(isPrivateAddress)
  if (hidden !== undefined) throw new FetchFault('private', `${host} is ${hidden}`)
  const address = found.find((each) => family === undefined || isIP(each) === family)
  if (address === undefined) throw new FetchFault('no-address', `${host} has no IPv${family}`)
  return address
}

async function resolve(host: string, limit_ms: number): Promise<string[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new FetchFault('no-address', `${host}: timeout`)), limit_ms)
  })
  try {
    const found = await Promise.race([lookup(host, { all: true }), late])
    return found.map((each) => each.address)
  } catch (error) {
    if (error instanceof FetchFault) throw error
    throw new FetchFault('no-address', `${host}: ${codeOf(error)}`)
  } finally {
    clearTimeout(timer)
  }
}

async function requestOnce(
  options: FetchOptions,
  budget: HostBudget,
  hop: Hop,
  redirected: boolean,
): Promise<Answer & { location?: string }> {
  const { limits, private_mirrors } = options
  if (hop.left_ms <= 0) throw new FetchFault('timeout')
  const address = await checkedAddress(
    hop.url,
    hop.family,
    private_mirrors,
    limits.connect_ms,
  ).catch((error) => {
    if (redirected && error instanceof FetchFault && error.fault === 'private')
      throw new FetchFault('redirect-private', error.detail)
    throw error
  })
  return exchange(options, budget, hop, address)
}

function exchange(
  options: FetchOptions,
  budget: HostBudget,
  hop: Hop,
  address: string,
): Promise<Answer & { location?: string }> {
  const { limits } = options
  const { url } = hop
  const secure = url.protocol === 'https:'
  return new Promise((resolve, reject) => {
    let connected = false
    const sent = (secure ? https : http).request(url, {
      method: hop.method,
      agent: budget.agent(url.protocol, address),
      headers: {
        'User-Agent': options.user_agent,
        'Accept-Encoding': 'identity',
        ...(hop.etag !== undefined && { 'If-None-Match': hop.etag }),
      },
      // An address in place of the name: only the one that was checked is ever connected to.
      lookup: (_name, asked, done) =>
        asked.all
          ? done(null, [{ address, family: isIP(address) }])
          : done(null, address, isIP(address)),
      maxHeaderSize: 16 * 1024,
      ...(hop.signal && { signal: hop.signal }),
    })
    const fail = (fault: FetchFault) => {
      reject(fault)
      sent.destroy()
    }
    const whole = setTimeout(() => fail(new FetchFault('timeout')), hop.left_ms)
    const connecting = setTimeout(() => {
      if (!connected) fail(new FetchFault('connect-timeout', address))
    }, limits.connect_ms)
    sent.once('close', () => {
      clearTimeout(whole)
      clearTimeout(connecting)
    })
    sent.on('socket', (socket) => {
      if (!socket.connecting) connected = true
      else
        socket.once(secure ? 'secureConnect' : 'connect', () => {
          connected = true
        })
    })
    sent.on('error', (error) => reject(faultOf(error, address)))
    sent.on('response', (response) => {
      collect(response, hop, limits, budget).then(resolve, (error) => {
        reject(faultOf(error, address))
        sent.destroy()
      })
    })
    sent.end()
  })
}

async function collect(
  response: http.IncomingMessage,
  hop: Hop,
  limits: FetchLimits,
  budget: HostBudget,
): Promise<Answer & { location?: string }> {
  const status = response.statusCode ?? 0
  const { etag, location } = response.headers
  const length = response.headers['content-length']
  const answer = {
    status,
    etag: etag !== undefined && etag.length <= 200 ? etag : undefined,
    length_bytes: length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined,
    encoding: response.headers['content-encoding'],
  }
  if ([301, 302, 303, 307, 308].includes(status) && location !== undefined) {
    response.destroy()
    return { ...answer, body: Buffer.alloc(0), location }
  }
  const parts: Buffer[] = []
  let size = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length
    if (size > limits.body_bytes)
      throw new FetchFault('too-large', `${hop.url} over ${limits.body_bytes} bytes`)
    if (!budget.spend(part.length)) throw new FetchFault('budget')
    parts.push(part)
  }
  return { ...answer, body: Buffer.concat(parts) }
}

const codeOf = (error: unknown) =>
  error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error)

/** Codes of TLS and certificate faults: Node's and OpenSSL's. */
const TLS =
  /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|INVALID_CA|EPROTO|CRL_)/

export function faultOf(error: unknown, address: string): FetchFault {
  if (error instanceof FetchFault) return error
  const code = codeOf(error)
  if (TLS.test(code)) return new FetchFault('tls', code)
  if (/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EACCES)$/.test(code))
    return new FetchFault('refused', `${address} ${code}`)
  if (code === 'ETIMEDOUT') return new FetchFault('connect-timeout', address)
  return new FetchFault('broken', code)
}
