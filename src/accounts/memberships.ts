/**
 * Who is in a group: sponsors and administrators add and remove, members leave, administrators make sponsors. A
 * group with a role gives it by membership, so that a role is given and taken here, too.
 */
import { and, eq, isNull } from 'drizzle-orm'
import { group_member, group_request } from '../../db/schema/accounts.ts'
import { type Person, requirePerson, requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { actorName, type Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { departureReasons, maySponsor, reasonFaults } from './group.ts'
import { countMembers, type GroupRow, liveMember } from './group-queries.ts'
import { holdGroup } from './groups.ts'
import { queueGroupMail } from './mails.ts'
import { USERNAME_MAX_CHARS, usernameKey } from './person.ts'
import { type PersonRow, personById, personByUsername } from './queries.ts'

export interface MemberChange {
  group: string
  username: string
  /** Why; it stays on record and goes to the person. */
  reason: string
}

/** @throws PortalError input.invalid */
export function requireReason(why: string): void {
  const [fault] = reasonFaults(why)
  if (fault) throw invalid('reason', fault)
}

/** @throws PortalError not-found; one who is not verified is not there yet */
export async function verifiedPerson(db: Reader, username: string): Promise<PersonRow> {
  const row = await personByUsername(db, usernameKey(username))
  if (!row || row.verified_at === null) {
    const reasons = [reason('group.nobody', { username: username.slice(0, USERNAME_MAX_CHARS) })]
    throw new PortalError('not-found', { field: 'username', reasons })
  }
  return row
}

/**
 * Whoever may let others into a group. A token needs the scope for it: membership can carry a role.
 * @throws PortalError group.not-sponsor, account.*
 */
export async function requireSponsor(db: Reader, ctx: Ctx, group: GroupRow): Promise<void> {
  if (ctx.actor.kind === 'system') return
  requireRole(ctx, 'member', 'admin')
  const me = requirePerson(ctx)
  const own = await liveMember(db, group.id, me.id)
  const sponsor = typeof own?.sponsor_since === 'number'
  if (!maySponsor({ admin: me.roles.includes('admin'), sponsor }))
    throw new PortalError('group.not-sponsor', { params: { title: group.title } })
}

/** @returns false when the person was in it already */
export async function enter(
  tx: Tx,
  ctx: Ctx,
  group: GroupRow,
  row: PersonRow,
  entry: { why: string; by?: string },
): Promise<boolean> {
  const { by: sponsored_by = actorName(ctx.actor), why } = entry
  const since = ctx.app.clock.now()
  const made = await tx
    .insert(group_member)
    .values({ group_id: group.id, person_id: row.id, sponsored_by, since })
    .onConflictDoNothing()
    .returning()
  if (made.length === 0) return false
  await note(tx, ctx, group, row, 'joined', why)
  return true
}

/** Ends a membership; its row stays. @returns false when there was none @throws PortalError group.refused */
export async function depart(
  tx: Tx,
  ctx: Ctx,
  group: GroupRow,
  row: PersonRow,
  left_reason: string,
): Promise<boolean> {
  if (!(await liveMember(tx, group.id, row.id))) return false
  const facts = { role: group.role, members: await countMembers(tx, group.id) }
  const reasons = departureReasons(facts)
  if (reasons.length > 0) throw new PortalError('group.refused', { field: 'username', reasons })
  const left_by = actorName(ctx.actor)
  await tx
    .update(group_member)
    .set({ left_at: ctx.app.clock.now(), left_by, left_reason, sponsor_since: null })
    .where(liveOf(group.id, row.id))
  const self = ctx.actor.kind === 'person' && ctx.actor.id === row.id
  await note(tx, ctx, group, row, self ? 'left' : 'removed', left_reason)
  return true
}

const liveOf = (group_id: number, person_id: number) =>
  and(
    eq(group_member.group_id, group_id),
    eq(group_member.person_id, person_id),
    isNull(group_member.left_at),
  )

/** In the log of the person whom it is about. */
export async function note(
  tx: Tx,
  ctx: Ctx,
  group: GroupRow,
  row: PersonRow,
  done:
    | 'asked'
    | 'ask-withdrawn'
    | 'joined'
    | 'declined'
    | 'left'
    | 'removed'
    | 'sponsor-made'
    | 'sponsor-ended',
  why: string,
): Promise<void> {
  const details = { group: group.name, title: group.title, username: row.username }
  const subject = `group:${group.name}`
  await audit(tx, ctx, {
    ...{ action: `group.${done}`, subject, details, person_id: row.id },
    ...(why !== '' && { reason: why }),
  })
}

/** What a sponsor does with a person, who gets a letter about it. */
async function asSponsor(
  ctx: Ctx,
  change: MemberChange,
  letter: 'added' | 'removed',
  work: (tx: Tx, group: GroupRow, row: PersonRow) => Promise<void>,
): Promise<void> {
  await transaction(ctx, async (tx) => {
    const group = await holdGroup(tx, change.group)
    await requireSponsor(tx, ctx, group)
    requireReason(change.reason)
    const row = await verifiedPerson(tx, change.username)
    await work(tx, group, row)
    await queueGroupMail(tx, ctx, row, letter, { group, reason: change.reason })
  })
}

/** Lets somebody in, whether or not they asked. @throws PortalError group.*, input.invalid, not-found, account.* */
export async function addMember(ctx: Ctx, change: MemberChange): Promise<void> {
  await asSponsor(ctx, change, 'added', async (tx, group, row) => {
    if (!(await enter(tx, ctx, group, row, { why: change.reason })))
      throw new PortalError('group.refused', {
        ...{ field: 'username', reasons: [reason('group.member-already')] },
      })
    await closeRequest(tx, ctx, group, row, change.reason)
  })
}

/** What somebody asked for is there: their open request, if there is one, is accepted. */
async function closeRequest(tx: Tx, ctx: Ctx, group: GroupRow, row: PersonRow, why: string) {
  const decided = { decided_by: actorName(ctx.actor), decided_at: ctx.app.clock.now() }
  await tx
    .update(group_request)
    .set({ state: 'accepted', ...decided, decision_reason: why })
    .where(
      and(
        eq(group_request.group_id, group.id),
        eq(group_request.person_id, row.id),
        eq(group_request.state, 'open'),
      ),
    )
}

const notIn = () =>
  new PortalError('group.refused', { field: 'username', reasons: [reason('group.not-member')] })

/** Takes somebody out. @throws PortalError group.*, input.invalid, not-found, account.* */
export async function removeMember(ctx: Ctx, change: MemberChange): Promise<void> {
  await asSponsor(ctx, change, 'removed', async (tx, group, row) => {
    if (!(await depart(tx, ctx, group, row, change.reason))) throw notIn()
  })
}

/** Leaves a group; a reason is welcome and not asked for. @throws PortalError group.refused, not-found, account.* */
export async function leaveGroup(ctx: Ctx, name: string, why = ''): Promise<void> {
  const me: Person = requirePerson(ctx)
  requireRole(ctx, 'member', 'vote')
  if (why.trim() !== '') requireReason(why)
  await transaction(ctx, async (tx) => {
    const group = await holdGroup(tx, name)
    const row = await personById(tx, me.id)
    if (!row || !(await depart(tx, ctx, group, row, why.trim()))) throw notIn()
  })
}

/** An administrator makes a member a sponsor, or ends that. @throws PortalError group.refused, input.invalid, account.* */
export async function setSponsor(
  ctx: Ctx,
  change: MemberChange & { sponsor: boolean },
): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  requireReason(change.reason)
  await transaction(ctx, async (tx) => {
    const group = await holdGroup(tx, change.group)
    const row = await verifiedPerson(tx, change.username)
    const member = await liveMember(tx, group.id, row.id)
    if (!member) throw notIn()
    if ((member.sponsor_since !== null) === change.sponsor) return
    const sponsor_since = change.sponsor ? ctx.app.clock.now() : null
    await tx.update(group_member).set({ sponsor_since }).where(eq(group_member.id, member.id))
    const done = change.sponsor ? 'sponsor-made' : 'sponsor-ended'
    await note(tx, ctx, group, row, done, change.reason)
    await queueGroupMail(tx, ctx, row, done, { group, reason: change.reason })
  })
}
