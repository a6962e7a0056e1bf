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
  'comment.address': { tries: 300, window_ms: 10 * MINUTE_MS },
  'comment.account': { tries: 60, window_ms: 10 * MINUTE_MS },
} as const satisfies Record<string, Limit>

export type LimitName = keyof typeof limits

/** Seconds until the next try, at least one. */
export function waitSeconds(window_ends_at: number, now_ms: number): number {
  return Math.max(1, Math.ceil((window_ends_at - now_ms) / 1000))
}
