/** IP addresses and networks as numbers that sort. Pure, and quick enough for every request. */
import ipaddr from 'ipaddr.js'

/** Four 32-bit words, most significant first; IPv4 has one. */
export interface Address {
  family: 4 | 6
  words: number[]
}

const DOT = 46
const ZERO = 48

/** The usual case, in one pass: four decimal numbers without leading zeros. Undefined for all else. */
function parseDotted(text: string): number | undefined {
  let word = 0
  let part = -1
  let dots = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === DOT && part >= 0 && dots < 3) {
      word = word * 256 + part
      part = -1
      dots++
    } else if (code >= ZERO && code <= ZERO + 9 && part !== 0) {
      part = Math.max(part, 0) * 10 + code - ZERO
      if (part > 255) return undefined
    } else return undefined
  }
  return dots === 3 && part >= 0 ? word * 256 + part : undefined
}

/** Undefined for what is no address. IPv4 in IPv6 (`::ffff:192.0.2.1`) is IPv4. */
export function parseAddress(text: string): Address | undefined {
  const dotted = parseDotted(text)
  if (dotted !== undefined) return { family: 4, words: [dotted] }
  // Other ways to write IPv4 (octal, hexadecimal, fewer parts) are read differently by different programs.
  if (!text.includes(':') || !ipaddr.isValid(text)) return undefined
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
