/** Personal API tokens: their form, names and lives. Pure. */
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../kernel/clock.ts'
import type { Scope } from '../kernel/context.ts'
import { type Reason, reason } from '../kernel/reason.ts'

/** So that secret scanners know one that leaked. */
export const TOKEN_PREFIX = 'slp_'
export const TOKEN_NAME_MAX_CHARS = 60
export const MAX_TOKENS = 50
/** A use is noted when the last note is older; noting every use would make reads write. */
export const USE_NOTED_EVERY_MS = 5 * MINUTE_MS
/** Uses wait so long for others, to be noted together. */
export const USE_NOTED_AFTER_MS = SECOND_MS

/** Lives that one may choose, in days; 0 is without end. */
export const tokenLives_days = [30, 90, 365, 0] as const

export function tokenEnd(life_days: number, now_ms: number): number | null {
  return life_days === 0 ? null : now_ms + life_days * DAY_MS
}

/** What is wrong with a token that someone asks for, and with which input. */
export function tokenFault(
  name: string,
  scopes: readonly Scope[],
  have: number,
): { field: string; reason: Reason } | undefined {
  if (name === '') return { field: 'name', reason: reason('token.name-missing') }
  if (scopes.length === 0) return { field: 'scopes', reason: reason('token.scope-missing') }
  if (have >= MAX_TOKENS)
    return { field: 'name', reason: reason('token.too-many', { max: MAX_TOKENS }) }
  return undefined
}
