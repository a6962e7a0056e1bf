/**
 * Which git addresses a source may name. The portal asks when a person enters one, the builder asks
 * again before it connects (and then with the addresses that the name resolves to). Pure.
 */
import ipaddr from 'ipaddr.js'
import { type Reason, reason } from './reason.ts'

const longestUrl = 2000
const longestRef = 200

/** `host:port` as BUILDER_PRIVATE_SOURCES spells it; the default port of the scheme is filled in. */
export function hostAndPort(url: URL): string {
  const port = url.port || (url.protocol === 'http:' ? '80' : '443')
  return `${url.hostname.toLowerCase()}:${port}`
}

/**
 * True for every address that is not plainly on the public Internet: loopback, private, link-local,
 * multicast, translated (6to4, NAT64, IPv4-mapped of such) and whatever is not an address at all.
 * Of IPv6 only 2000::/3 is given out for public use (IANA); the rest holds such as ::127.0.0.1.
 */
export function isPrivateAddress(ip: string): boolean {
  if (!ipaddr.isValid(ip)) return true
  const address = ipaddr.process(ip)
  const [first = 0] = address.toByteArray()
  if (address.kind() === 'ipv6' && first >>> 5 !== 1) return true
  return address.range() !== 'unicast'
}

/** What in the text would be read differently by git, curl or a shell than by us. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const ambiguous = /[\u0000-\u0020\u007f-\u009f\\"'`<>^{|}]/

/**
 * @param url as a person entered it
 * @param privateSources `host:port` items whose private addresses and plain http are allowed
 * @returns why git may not fetch from it; empty when it may. Resolving the name is left to the builder.
 */
export function checkGitUrl(url: string, privateSources: readonly string[] = []): Reason[] {
  const shown = url.slice(0, longestUrl)
  if (url.length > longestUrl || ambiguous.test(url) || !/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) {
    return [reason('build.url-invalid', { url: shown })]
  }
  const parsed = URL.parse(url)
  if (!parsed) return [reason('build.url-invalid', { url: shown })]
  const own = privateSources.includes(hostAndPort(parsed))
  if (parsed.protocol !== 'https:' && !(own && parsed.protocol === 'http:')) {
    return [reason('build.url-scheme', { scheme: parsed.protocol.slice(0, -1) })]
  }
  const reasons: Reason[] = []
  if (parsed.username || parsed.password) reasons.push(reason('build.url-credentials'))
  if (parsed.search || parsed.hash) reasons.push(reason('build.url-invalid', { url: shown }))
  const host = parsed.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  const local = host === 'localhost' || host.endsWith('.localhost')
  if (!own && (local || (ipaddr.isValid(host) && isPrivateAddress(host)))) {
    reasons.push(reason('build.url-private', { host }))
  }
  return reasons
}

/**
 * A branch, tag or commit. Narrower than git-check-ref-format(1): nothing that git could take for an
 * option, a range, a refspec or a reflog entry.
 */
export function checkGitRef(ref: string): Reason[] {
  const plain =
    ref.length <= longestRef &&
    /^[A-Za-z0-9_][A-Za-z0-9._/+-]*$/.test(ref) &&
    !/\.\.|\/\/|\/\.|\.lock(\/|$)|[./]$/.test(ref)
  return plain ? [] : [reason('build.ref-invalid', { ref: ref.slice(0, longestRef) })]
}
