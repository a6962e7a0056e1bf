/** Groups: what one may be called, who may ask, and who may not go. Pure. */
import { type Reason, reason } from '../kernel/reason.ts'
import type { GrantedRole } from './person.ts'

const NAME = /^[a-z][a-z0-9-]{1,38}[a-z0-9]$/

export const GROUP_TITLE_MAX_CHARS = 80
export const GROUP_DESCRIPTION_MAX_CHARS = 1000
/** Of asking, deciding, adding and removing; all of them stay on record. */
export const GROUP_REASON_MAX_CHARS = 1000

export const requestStates = ['open', 'accepted', 'declined', 'withdrawn'] as const
export type RequestState = (typeof requestStates)[number]

export interface GroupInput {
  title: string
  description: string
}

/** Why a group can't have this name; empty when it can. */
export function groupNameFaults(name: string): Reason[] {
  return NAME.test(name) ? [] : [reason('group.name')]
}

/** Title and description, each fault with its field. */
export function groupFaults({ title, description }: GroupInput): { field: string; why: Reason }[] {
  const fits = (text: string, max: number) => text.trim() !== '' && text.length <= max
  const faults: { field: string; why: Reason }[] = []
  if (!fits(title, GROUP_TITLE_MAX_CHARS))
    faults.push({ field: 'title', why: reason('group.title', { max: GROUP_TITLE_MAX_CHARS }) })
  if (!fits(description, GROUP_DESCRIPTION_MAX_CHARS)) {
    const why = reason('group.description', { max: GROUP_DESCRIPTION_MAX_CHARS })
    faults.push({ field: 'description', why })
  }
  return faults
}

/** A reason that is there and not too long. */
export function reasonFaults(why: string): Reason[] {
  const good = why.trim() !== '' && why.length <= GROUP_REASON_MAX_CHARS
  return good ? [] : [reason('group.reason', { max: GROUP_REASON_MAX_CHARS })]
}

/** Why somebody can't ask to join; empty when they can. */
export function asksAgainst(facts: { member: boolean; asked: boolean }): Reason[] {
  if (facts.member) return [reason('group.member-already')]
  return facts.asked ? [reason('group.asked-already')] : []
}

/** Why somebody can't leave or be removed: a portal without an administrator could not get one again. */
export function departureReasons(facts: { role: GrantedRole | null; members: number }): Reason[] {
  return facts.role === 'admin' && facts.members <= 1 ? [reason('role.last-admin')] : []
}

/** Who may accept, decline, add and remove: its sponsors, and administrators in every group. */
export function maySponsor(facts: { admin: boolean; sponsor: boolean }): boolean {
  return facts.admin || facts.sponsor
}
