/** What a password must be (after NIST SP 800-63B 5.1.1.2: length and a list, no composition rules). Pure. */
import { type Reason, reason } from '../kernel/reason.ts'

export const PASSWORD_MIN_CHARS = 10
/** Longer is refused, not cut: a cut password would be another one. */
export const PASSWORD_MAX_CHARS = 256

/** The same password typed on two keyboards is the same text (NIST SP 800-63B: NFKC). */
export function normalPassword(typed: string): string {
  return typed.normalize('NFKC')
}

export interface PasswordContext {
  /** Lower-case passwords that everyone uses. */
  common: ReadonlySet<string>
  /** What an attacker would try first: username, address. */
  known: string[]
}

/** Why a password is refused; empty when it is fine. */
export function passwordFaults(typed: string, context: PasswordContext): Reason[] {
  const password = normalPassword(typed)
  const length = [...password].length
  if (length < PASSWORD_MIN_CHARS) return [reason('password.short', { min: PASSWORD_MIN_CHARS })]
  if (length > PASSWORD_MAX_CHARS) return [reason('password.long', { max: PASSWORD_MAX_CHARS })]
  const lower = password.toLowerCase()
  if (context.common.has(lower)) return [reason('password.common')]
  if (new Set(lower).size < 4) return [reason('password.repeats')]
  const known = context.known.map((each) => each.toLowerCase()).filter((each) => each.length > 0)
  if (known.some((each) => isMostly(lower, each))) return [reason('password.known')]
  return []
}

/** Whether little is left of the password once what is known is taken out. */
function isMostly(password: string, known: string): boolean {
  return known.length >= 4 && password.replaceAll(known, '').length < PASSWORD_MIN_CHARS / 2
}
