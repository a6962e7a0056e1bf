/** The network address of whoever asks, behind proxies that are trusted by configuration. Pure. */
import ipaddr from 'ipaddr.js'

/** Where Astro's Node adapter leaves the address of the socket's other end. */
const PEER = Symbol.for('astro.clientAddress')

function parse(address: string) {
  const [plain = ''] = address.trim().split('%', 1)
  return ipaddr.isValid(plain) ? ipaddr.process(plain) : undefined
}

function isTrusted(address: string, trusted: string[]): boolean {
  const asked = parse(address)
  return trusted.some((each) => {
    const [host = '', bits] = each.split('/')
    const network = parse(host)
    if (!asked || !network || asked.kind() !== network.kind()) return false
    const whole = network.kind() === 'ipv4' ? 32 : 128
    return asked.match(network, bits === undefined ? whole : Number(bits))
  })
}

/**
 * Walks X-Forwarded-For from the right: each trusted proxy vouches for the one before it, and what an
 * asker wrote there itself is never reached.
 * @param trusted addresses or networks (CIDR) of proxies
 * @returns undefined where the peer is not known, as in a test without a socket
 */
export function clientAddress(
  peer: string | undefined,
  forwarded: string | null,
  trusted: string[],
): string | undefined {
  if (peer === undefined) return undefined
  const hops = [...(forwarded?.split(',') ?? []), peer].map((each) => each.trim())
  let client = peer
  for (const hop of hops.reverse()) {
    if (!parse(hop)) break
    client = hop
    if (!isTrusted(hop, trusted)) break
  }
  return parse(client)?.toString()
}

/** The same for a request as the Node adapter hands it over. */
export function addressOf(request: Request, trusted: string[]): string | undefined {
  const peer: unknown = Reflect.get(request, PEER)
  const forwarded = request.headers.get('X-Forwarded-For')
  return clientAddress(typeof peer === 'string' ? peer : undefined, forwarded, trusted)
}

/**
 * What stands for an asker: an IPv4 address as it is; of an IPv6 address its /64, since one household
 * has all of that. An IPv4 address in IPv6 clothing is an IPv4 address.
 */
export function addressKey(address: string): string {
  const plain = address.toLowerCase().replace(/%.*$/, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)
  if (mapped?.[1]) return mapped[1]
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros =
    tail === undefined ? [] : Array(Math.max(0, 8 - left.length - right.length)).fill('0')
  const groups = [...left, ...zeros, ...right].slice(0, 4)
  return `${groups.map((g) => g.replace(/^0+(?=.)/, '')).join(':')}::/64`
}
