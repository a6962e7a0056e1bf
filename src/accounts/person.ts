/** Who a person is here: the rules of names and addresses, and what roles follow from what. Pure. */
import type { Role, Scope } from '../kernel/context.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { reservedUsernames } from './reserved.ts'

/** 5 to 32 characters; hyphens only inside, so that a name can stand in an address or a host name. */
const USERNAME = /^[a-z0-9][a-z0-9-]{3,30}[a-z0-9]$/

export const USERNAME_MIN_CHARS = 5
export const USERNAME_MAX_CHARS = 32
export const DISPLAY_NAME_MAX_CHARS = 80
/** RFC 5321 4.5.3.1.3: a path is at most 256 octets with its angle brackets. */
export const EMAIL_MAX_CHARS = 254

export const allScopes: readonly Scope[] = ['read', 'vote', 'package', 'edge', 'admin']

/** Roles that an admin grants; `member` comes with a verified address. */
export const grantedRoles = ['admin', 'packager'] as const
export type GrantedRole = (typeof grantedRoles)[number]

/** What of a person everyone may see. */
export interface Profile {
  username: string
  display_name: string
  roles: Role[]
  /** Milliseconds since the epoch. */
  since: number
}

/** Upper and lower case name the same person. */
export function usernameKey(typed: string): string {
  return typed.trim().toLowerCase()
}

/** Why a name can't be one; `distribution_id` names nobody but the distribution itself. */
export function usernameFaults(username: string, distribution_id: string): Reason[] {
  if (!USERNAME.test(username))
    return [reason('username.form', { min: USERNAME_MIN_CHARS, max: USERNAME_MAX_CHARS })]
  const squeezed = username.replaceAll('-', '')
  const official = squeezed === distribution_id || squeezed === `${distribution_id}linux`
  if (official || reservedUsernames.has(squeezed)) return [reason('username.reserved')]
  return []
}

/** An address in the form under which it is unique. */
export function emailKey(typed: string): string {
  return typed.trim().normalize('NFC').toLowerCase()
}

/**
 * Only what no mail server would take is refused: the mailed link is the real test. Control characters
 * and brackets are out since they would change the header they are written into.
 */
export function emailFaults(email: string): Reason[] {
  const shape =
    /^[^\s@<>()[\]\\,;:"\p{Cc}]+@[^\s@<>()[\]\\,;:"\p{Cc}]+\.[^\s@<>()[\]\\,;:"\p{Cc}.]+$/u
  return email.length <= EMAIL_MAX_CHARS && shape.test(email) ? [] : [reason('email.form')]
}

/** A name for people to read: one line, no control or direction-changing characters. */
export function cleanDisplayName(typed: string): string {
  const visible = typed.normalize('NFC').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '')
  return [...visible.replace(/\s+/gu, ' ').trim()].slice(0, DISPLAY_NAME_MAX_CHARS).join('')
}

/** All roles of a verified person, the widest first. */
export function rolesOf(granted: readonly GrantedRole[]): Role[] {
  return [...grantedRoles.filter((role) => granted.includes(role)), 'member']
}
