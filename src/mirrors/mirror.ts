/**
 * What a mirror may say about itself, and who it is to the list: shapes, limits and reasons. Pure; the
 * names that addresses resolve to are the crawler's matter.
 */
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { hostAndPort, isPrivateAddress } from '../kernel/source-url.ts'
import { isCountry } from './edge/geo.ts'

export const mirrorProtocols = ['https', 'http', 'rsync', 'ftp'] as const
export type MirrorProtocol = (typeof mirrorProtocols)[number]

/** Netblocks may not be wider: no mirror speaks for more than a /8. */
const WIDEST_BITS = { ipv4: 8, ipv6: 19 }
export const NETBLOCKS_MAX = 2000
export const URLS_MAX = 8

const hostName = z
  .string()
  .trim()
  .toLowerCase()
  .max(253, 'at most 253 characters')
  .regex(
    /^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$/,
    'must be a host name such as mirror.example.org',
  )

/** `host:port` of a mirror's address, with the default port of its protocol. */
export function mirrorHostAndPort(url: URL): string {
  const defaults: Record<string, string> = { 'rsync:': '873', 'ftp:': '21' }
  return url.port === '' && defaults[url.protocol]
    ? `${url.hostname.toLowerCase()}:${defaults[url.protocol]}`
    : hostAndPort(url)
}

/** Characters that a client, a shell or a configuration file could read differently than we do. */
const PLAIN_URL = /^[A-Za-z0-9:/._~%@+=,[\]-]+$/

/**
 * Where a mirror's tree begins, with one slash at its end.
 * @param private_mirrors `host:port` items that may be private or local
 * @returns the address as it is kept, or what is wrong with it
 */
export function readMirrorUrl(
  text: string,
  private_mirrors: readonly string[] = [],
): { protocol: MirrorProtocol; url: string } | { fault: string } {
  const given = text.trim()
  const parsed = given.length <= 500 && PLAIN_URL.test(given) ? URL.parse(given) : null
  if (!parsed) return { fault: 'must be an address such as https://mirror.example.org/pub/' }
  const protocol = mirrorProtocols.find((each) => `${each}:` === parsed.protocol)
  if (!protocol) return { fault: 'must begin with https, http, rsync or ftp' }
  if (parsed.username || parsed.password) return { fault: 'must not hold a name or password' }
  const own = private_mirrors.includes(mirrorHostAndPort(parsed))
  if (!own && !isPublicName(parsed.hostname)) return { fault: 'must name a public host' }
  if (/%(?![0-9a-f]{2})|%(00|0a|0d|2f|5c)/i.test(parsed.pathname))
    return { fault: 'has an odd path' }
  return {
    protocol,
    url: `${parsed.protocol}//${parsed.host}${parsed.pathname.replace(/(?<!\/)\/*$/, '/')}`,
  }
}

/** By its shape alone: a dotted name that is no address and not of a local domain. */
function isPublicName(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  if (ipaddr.isValid(bare)) return !isPrivateAddress(bare)
  if (/(^|\.)(localhost|local|internal|lan|home|corp|test|invalid|onion|arpa)$/.test(bare))
    return false
  return hostName.safeParse(bare).success
}

/** A network in CIDR notation as it is kept: its first address and length. Undefined when it may not be. */
export function readNetblock(text: string): string | undefined {
  const given = text.trim()
  if (!/^[0-9a-f.:]+\/\d{1,3}$/i.test(given) || !ipaddr.isValidCIDR(given)) return undefined
  const [address, bits] = ipaddr.parseCIDR(given)
  const kind = address.kind()
  if (bits < WIDEST_BITS[kind]) return undefined
  const first =
    kind === 'ipv4'
      ? ipaddr.IPv4.networkAddressFromCIDR(given)
      : ipaddr.IPv6.networkAddressFromCIDR(given)
  const last =
    kind === 'ipv4'
      ? ipaddr.IPv4.broadcastAddressFromCIDR(given)
      : ipaddr.IPv6.parse(lastOfIPv6(first.toByteArray(), bits))
  if (first.range() !== 'unicast' || last.range() !== 'unicast') return undefined
  if (special.some((each) => overlaps(first, last, each))) return undefined
  return `${first.toString()}/${bits}`
}

function lastOfIPv6(bytes: number[], bits: number): string {
  const all = bytes.map((byte, at) => byte | (0xff >> Math.min(8, Math.max(0, bits - at * 8))))
  return ipaddr.fromByteArray(all).toString()
}

type Ip = ipaddr.IPv4 | ipaddr.IPv6
/** Private and special networks that could lie inside a wider one (IANA special-purpose registries). */
const special = [
  ...['100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24'],
  ...['192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32'],
]

/** Whether a special network begins inside the one from `first` to `last`. */
function overlaps(first: Ip, last: Ip, cidr: string): boolean {
  const [start] = ipaddr.parseCIDR(cidr)
  if (start.kind() !== first.kind()) return false
  const order = (a: Ip, b: Ip) =>
    Buffer.compare(Buffer.from(a.toByteArray()), Buffer.from(b.toByteArray()))
  return order(start, first) >= 0 && order(start, last) <= 0
}

/**
 * An address or small network that may pull from the master: at most a /24 or a /48.
 * @param private_too on a network of one's own, where mirrors are private
 */
export function readSource(text: string, private_too = false): string | undefined {
  const given = text.trim()
  const whole = given.includes('/') ? given : `${given}/${given.includes(':') ? 128 : 32}`
  if (!/^[0-9a-f.:]+\/\d{1,3}$/i.test(whole) || !ipaddr.isValidCIDR(whole)) return undefined
  const [address, bits] = ipaddr.parseCIDR(whole)
  if (bits < (address.kind() === 'ipv4' ? 24 : 48)) return undefined
  if (!private_too) return readNetblock(whole)
  const kind = address.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6
  return `${kind.networkAddressFromCIDR(whole).toString()}/${bits}`
}

const netblock = z.string().transform((text, check) => {
  const read = readNetblock(text)
  if (read !== undefined) return read
  check.addIssue({
    code: 'custom',
    message: `${text.slice(0, 60)} must be a public network, IPv4 /${WIDEST_BITS.ipv4} or IPv6 /${WIDEST_BITS.ipv6} at the widest`,
  })
  return z.NEVER
})

const asn = z.int('must be a whole number').min(1).max(4_294_967_294)
const word = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[A-Za-z0-9._-]+$/, 'letters, digits, . _ -')
const distinct = <T>(list: T[]) => [...new Set(list)]

/** A mirror does not carry what all given parts of one exclusion fit. */
export const exclusionSchema = z
  .strictObject({
    release: word.nullable().default(null),
    arch: word.nullable().default(null),
    repository: word.nullable().default(null),
  })
  .refine((each) => each.release !== null || each.arch !== null || each.repository !== null, {
    message: 'must name a release, an arch or a repository',
  })
export type Exclusion = z.infer<typeof exclusionSchema>

const fields = {
  country: z
    .string()
    .trim()
    .toUpperCase()
    .refine(isCountry, 'must be a country code of two letters, such as DE'),
  latitude: z.number().min(-90).max(90).nullable().default(null),
  longitude: z.number().min(-180).max(180).nullable().default(null),
  asn: asn.nullable().default(null),
  bandwidth_mbps: z.int('must be a whole number of Mbit/s').min(1).max(1_000_000),
  ipv4: z.boolean().default(true),
  ipv6: z.boolean().default(true),
  visibility: z.enum(['public', 'private']).default('public'),
  netblocks: z.array(netblock).max(NETBLOCKS_MAX).default([]).transform(distinct),
  peer_asns: z.array(asn).max(500).default([]).transform(distinct),
  exclusions: z.array(exclusionSchema).max(200).default([]),
}

/**
 * What an admin says about a mirror.
 * @param private_mirrors as the configuration has them
 */
export function mirrorInput(private_mirrors: readonly string[] = []) {
  const url = z.string().transform((text, check) => {
    const read = readMirrorUrl(text, private_mirrors)
    if (!('fault' in read)) return read
    check.addIssue({ code: 'custom', message: `${text.slice(0, 100)} ${read.fault}` })
    return z.NEVER
  })
  const urls = z
    .array(url)
    .min(1, 'name at least one address')
    .max(URLS_MAX)
    .superRefine((list, check) => {
      const fault = faultOfUrls(list)
      if (fault) check.addIssue({ code: 'custom', message: fault })
    })
  const own = { name: hostName, urls, ...fields }
  return z.strictObject(own).refine((each) => each.ipv4 || each.ipv6, {
    path: ['ipv4'],
    message: 'must be reachable by IPv4, IPv6 or both',
  })
}
export type MirrorInput = z.output<ReturnType<typeof mirrorInput>>

/** Clients need HTTP; and control of the other addresses is proved by the web host they stand on. */
function faultOfUrls(list: { protocol: MirrorProtocol; url: string }[]): string | undefined {
  const kinds = new Set(list.map((each) => each.protocol))
  if (kinds.size < list.length) return 'name one address a protocol'
  const web = list.filter((each) => each.protocol.startsWith('http'))
  if (web.length === 0) return 'name an https or http address'
  const hosts = new Set(web.map((each) => new URL(each.url).hostname))
  const strange = list.find((each) => !hosts.has(new URL(each.url).hostname))
  return strange && `${strange.url} must be on the same host as the https or http address`
}

/** Where the proof of control lies under an address of a mirror. */
export const proofPath = (name: string) => `.slipway-mirror/${name}.txt`

export const siteInput = z.strictObject({
  name: z
    .string()
    .trim()
    .min(2)
    .max(100)
    .regex(/^[^\p{C}]*$/u, 'no control characters'),
  url: z.union([z.literal(''), z.url({ protocol: /^https?$/ }).max(500)]).default(''),
  contacts: z
    .array(z.email('must be an e-mail address').max(254))
    .min(1, 'name at least one address for letters')
    .max(10)
    .transform(distinct),
})
export type SiteInput = z.output<typeof siteInput>

/** What decides before any crawl does. */
export interface Standing {
  state: 'new' | 'active' | 'paused' | 'retired'
  proved_at: number | null
  maintenance_from: number | null
  maintenance_until: number | null
}

export type Hold = 'unproved' | 'paused' | 'retired' | 'maintenance'

/** The owner's word beats any crawl. @returns why the mirror is out whatever it holds, or undefined */
export function holdOf(host: Standing, now_ms: number): Hold | undefined {
  if (host.state === 'retired' || host.state === 'paused') return host.state
  if (host.proved_at === null || host.state === 'new') return 'unproved'
  return inMaintenance(host, now_ms) ? 'maintenance' : undefined
}

export function inMaintenance(host: Standing, now_ms: number): boolean {
  const { maintenance_from, maintenance_until } = host
  return (
    maintenance_from !== null &&
    maintenance_from <= now_ms &&
    now_ms < (maintenance_until ?? Infinity)
  )
}

/** Whether an exclusion takes a repository out. */
export function isExcluded(
  exclusions: readonly Exclusion[],
  repository: { release: string; arch: string; name: string },
): boolean {
  return exclusions.some(
    (each) =>
      (each.release === null || each.release === repository.release) &&
      (each.arch === null || each.arch === repository.arch) &&
      (each.repository === null || each.repository === repository.name),
  )
}

/** The tier that counts: 1 only once the mirror team agreed. */
export function tierOf(host: { tier: number; tier_approved_at: number | null }): 1 | 2 {
  return host.tier === 1 && host.tier_approved_at !== null ? 1 : 2
}
