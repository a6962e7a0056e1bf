/** IP addresses and networks as numbers that sort. Pure, and quick enough for every request. */
import ipaddr from 'ipaddr.js'

/** Four 32-bit words, most significant first; IPv4 has one. */
export interface Address {
  family: 4 | 6
  words: number[]
}

/** Undefined for what is no address. IPv4 in IPv6 (`::ffff:192.0.2.1`) is IPv4. */
export function parseAddress(text: string): Address | undefined {
  if (!ipaddr.isValid(text)) return undefined
  const parsed = ipaddr.process(text)
  const bytes = parsed.toByteArray()
  return { family: bytes.length === 4 ? 4 : 6, words: toWords(bytes) }
}

function toWords(bytes: number[]): number[] {
  const words: number[] = []
  for (let at = 0; at < bytes.length; at += 4)
    words.push(
      (((bytes[at] ?? 0) << 24) |
        ((bytes[at + 1] ?? 0) << 16) |
        ((bytes[at + 2] ?? 0) << 8) |
        (bytes[at + 3] ?? 0)) >>>
        0,
    )
  return words
}

export interface Network {
  family: 4 | 6
  /** First address of it, as words. */
  first: number[]
  /** Length of its prefix in bits: the longer, the more specific. */
  bits: number
}

/** @returns undefined for what is no network in CIDR notation */
export function parseNetwork(cidr: string): Network | undefined {
  if (!ipaddr.isValidCIDR(cidr)) return undefined
  const [address, bits] = ipaddr.parseCIDR(cidr)
  return networkOf(toWords(address.toByteArray()), bits)
}

/** The network of a prefix: words of any address in it, and its length in bits. */
export function networkOf(words: number[], bits: number): Network {
  const first = words.map((word, at) => {
    const kept = Math.min(32, Math.max(0, bits - at * 32))
    return kept === 0 ? 0 : (word & (0xffffffff << (32 - kept))) >>> 0
  })
  return { family: words.length === 1 ? 4 : 6, first, bits }
}
