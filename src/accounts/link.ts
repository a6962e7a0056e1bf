/** Links that are mailed or printed: how long each is good for and where it leads. Pure. */
import { createHash } from 'node:crypto'
import { DAY_MS, MINUTE_MS } from '../kernel/clock.ts'

export type LinkPurpose = 'verify' | 'reset' | 'first-admin'

export const linkLife_ms: Record<LinkPurpose, number> = {
  verify: 60 * MINUTE_MS,
  reset: 60 * MINUTE_MS,
  'first-admin': DAY_MS,
}

/** Path of the page that a link opens; the token is only ever in its query. */
export function linkPath(purpose: LinkPurpose, token: string): string {
  return `/account/${purpose}?token=${encodeURIComponent(token)}`
}

/** A sign-up that nobody verified leaves its username after this. */
export const UNVERIFIED_LIFE_MS = 7 * DAY_MS

/** How a secret of 256 random bits is kept: it needs no salt, since nobody can guess at it. */
export function secretHash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}
