/** Groups that people work in: lists, one with its people, and what administrators say of them. */
import { and, eq, inArray } from 'drizzle-orm'
import { people_group } from '../../db/schema/accounts.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { type GroupInput, groupFaults, groupNameFaults, maySponsor } from './group.ts'
import {
  findGroup,
  type GroupRow,
  groupRows,
  groupsOfPerson,
  lastRequest,
  liveMember,
  type MemberRow,
  memberCounts,
  membersOf,
  openRequests,
  type RequestRow,
} from './group-queries.ts'
import { cleanDisplayName } from './person.ts'

export type { GroupRow, MemberRow, RequestRow } from './group-queries.ts'

/** Groups that carry a role are made by the migration; until somebody says more of them they have this date. */
const MADE_BY_MIGRATION = 0

/**
 * Makes the groups that the distribution's data has and the database lacks, once; from then on administrators
 * change them here.
 */
export async function syncGroups(ctx: Ctx): Promise<void> {
  const created_at = ctx.app.clock.now()
  await transaction(ctx, async (tx) => {
    for (const { role = null, ...group } of ctx.app.distribution.groups) {
      if (role !== null)
        await tx
          .update(people_group)
          .set({ ...group, created_at })
          .where(and(eq(people_group.role, role), eq(people_group.created_at, MADE_BY_MIGRATION)))
      await tx
        .insert(people_group)
        .values({ ...group, role, created_at })
        .onConflictDoNothing()
    }
  })
}

export interface GroupSummary {
  group: GroupRow
  members: number
  sponsors: number
}

/** By title. */
export async function listGroups(ctx: Ctx): Promise<GroupSummary[]> {
  const counts = await memberCounts(ctx.app.db)
  return (await groupRows(ctx.app.db)).map((group) => {
    const { members = 0, sponsors = 0 } = counts.get(group.id) ?? {}
    return { group, members, sponsors }
  })
}

/** @throws PortalError not-found */
export async function getGroup(db: Reader, name: string): Promise<GroupRow> {
  const row = await findGroup(db, name)
  if (!row) throw new PortalError('not-found', { field: 'group' })
  return row
}

/** The group's row, held against others for this transaction. @throws PortalError not-found */
export async function holdGroup(tx: Tx, name: string): Promise<GroupRow> {
  const [row] = await tx
    .update(people_group)
    .set({ name })
    .where(eq(people_group.name, name))
    .returning()
  if (!row) throw new PortalError('not-found', { field: 'group' })
  return row
}

type Listed = Awaited<ReturnType<typeof membersOf>>[number]

export interface GroupView {
  group: GroupRow
  /** By name; sponsors among them have `sponsor_since`. */
  members: Listed[]
  /** Those who have left, the last first. */
  earlier: Listed[]
  /** Whoever asks may accept, decline, add and remove. */
  sponsors_here: boolean
  /** Only for those who may decide about them; oldest first. */
  requests: Awaited<ReturnType<typeof openRequests>>
  /** Of whoever asks. */
  own: { member: MemberRow | undefined; request: RequestRow | undefined }
}

/** @throws PortalError not-found */
export async function viewGroup(ctx: Ctx, name: string): Promise<GroupView> {
  const { db } = ctx.app
  const group = await getGroup(db, name)
  const me = ctx.actor.kind === 'person' ? ctx.actor : undefined
  const member = me && (await liveMember(db, group.id, me.id))
  const admin = ctx.actor.kind === 'system' || me?.roles.includes('admin') === true
  const sponsor = typeof member?.sponsor_since === 'number'
  // A token that was made for something else shows no one's reasons.
  const trusted = me === undefined || me.scopes.includes('admin')
  const sponsors_here = trusted && maySponsor({ admin, sponsor })
  return {
    group,
    members: await membersOf(db, group.id),
    earlier: await membersOf(db, group.id, true),
    sponsors_here,
    requests: sponsors_here ? await openRequests(db, group.id) : [],
    own: { member, request: me && (await lastRequest(db, group.id, me.id)) },
  }
}

export interface Membership {
  name: string
  title: string
  since: number
  sponsored_by: string
  sponsor: boolean
}

/** Groups that a person is in, as everyone sees them. */
export async function membershipsOf(ctx: Ctx, person_id: number): Promise<Membership[]> {
  return (await groupsOfPerson(ctx.app.db, person_id)).map(({ group, member }) => ({
    ...{ name: group.name, title: group.title },
    ...{ since: member.since, sponsored_by: member.sponsored_by },
    sponsor: member.sponsor_since !== null,
  }))
}

function checked(input: GroupInput): GroupInput {
  const [fault] = groupFaults(input)
  if (fault) throw invalid(fault.field, fault.why)
  return { title: cleanDisplayName(input.title), description: input.description.trim() }
}

/** An administrator makes a group; nobody is in it yet. @throws PortalError input.invalid, account.* */
export async function createGroup(ctx: Ctx, input: GroupInput & { name: string }): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  const [nameFault] = groupNameFaults(input.name)
  if (nameFault) throw invalid('name', nameFault)
  const values = { ...checked(input), name: input.name, created_at: ctx.app.clock.now() }
  await transaction(ctx, async (tx) => {
    const made = await tx.insert(people_group).values(values).onConflictDoNothing().returning()
    if (made.length === 0) throw invalid('name', reason('group.name-taken'))
    const { name, title } = values
    await audit(tx, ctx, { action: 'group.made', subject: `group:${name}`, details: { title } })
  })
}

/** An administrator says what a group is called and does. @throws PortalError */
export async function editGroup(ctx: Ctx, name: string, input: GroupInput): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  const values = checked(input)
  await transaction(ctx, async (tx) => {
    const row = await holdGroup(tx, name)
    const created_at = row.created_at || ctx.app.clock.now()
    await tx
      .update(people_group)
      .set({ ...values, created_at })
      .where(eq(people_group.id, row.id))
    const details = { ...values }
    await audit(tx, ctx, { action: 'group.changed', subject: `group:${name}`, details })
  })
}

/** What groups are called, by their numbers. */
export async function groupNames(
  db: Reader,
  ids: readonly number[],
): Promise<Map<number, { name: string; title: string }>> {
  if (ids.length === 0) return new Map()
  const rows = await db
    .select({ id: people_group.id, name: people_group.name, title: people_group.title })
    .from(people_group)
    .where(inArray(people_group.id, [...ids]))
  return new Map(rows.map(({ id, name, title }) => [id, { name, title }]))
}
