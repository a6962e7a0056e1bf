/** Time as the rest of the house sees it: one function, so that rules about days are testable. */

export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }

export const SECOND_MS = 1000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

/** A moment as the API writes it: RFC 3339 in UTC. Null stays null. */
export function iso(at_ms: number): string
export function iso(at_ms: number | null): string | null
export function iso(at_ms: number | null): string | null {
  return at_ms === null ? null : new Date(at_ms).toISOString()
}
