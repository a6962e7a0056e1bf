/** How often one may try: fixed windows, by what is tried and who tries. Pure. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../kernel/clock.ts'

export interface Limit {
  tries: number
  window_ms: number
}

/** `address` counts all tries from one network address, `account` all at one account or mailbox. */
export const limits = {
  'sign-up.address': { tries: 10, window_ms: HOUR_MS },
  'sign-up.account': { tries: 3, window_ms: HOUR_MS },
  'log-in.address': { tries: 30, window_ms: 10 * MINUTE_MS },
  'log-in.account': { tries: 10, window_ms: 10 * MINUTE_MS },
  'mailed-link.address': { tries: 10, window_ms: HOUR_MS },
  'mailed-link.account': { tries: 3, window_ms: HOUR_MS },
  'prove.address': { tries: 30, window_ms: HOUR_MS },
  'prove.account': { tries: 10, window_ms: HOUR_MS },
  'group-ask.address': { tries: 30, window_ms: DAY_MS },
  'group-ask.account': { tries: 10, window_ms: DAY_MS },
  'package-ask.address': { tries: 60, window_ms: DAY_MS },
  'package-ask.account': { tries: 30, window_ms: DAY_MS },
} as const satisfies Record<string, Limit>

export type LimitName = keyof typeof limits

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

/** Seconds until the next try, at least one. */
export function waitSeconds(window_ends_at: number, now_ms: number): number {
  return Math.max(1, Math.ceil((window_ends_at - now_ms) / 1000))
}
