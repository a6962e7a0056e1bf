/** Randomness as a dependency: tests give a seeded one. */
import { randomBytes } from 'node:crypto'

export interface Random {
  bytes(count: number): Uint8Array
}

export const systemRandom: Random = { bytes: (count) => randomBytes(count) }

/** A secret for a link, session or API: 256 bits, base64url, behind a prefix that scanners know. */
export function newToken(random: Random, prefix = ''): string {
  return prefix + Buffer.from(random.bytes(32)).toString('base64url')
}

/** Lower-case hexadecimal digits. */
export function newHex(random: Random, digits: number): string {
  return Buffer.from(random.bytes(Math.ceil(digits / 2)))
    .toString('hex')
    .slice(0, digits)
}
