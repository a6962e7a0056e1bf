/** Reads of groups, their members and requests. No decisions. */
import { and, asc, count, desc, eq, isNotNull, isNull } from 'drizzle-orm'
import { group_member, group_request, people_group, person } from '../../db/schema/accounts.ts'
import type { Reader } from '../kernel/db.ts'
import type { GrantedRole } from './person.ts'

export type GroupRow = typeof people_group.$inferSelect
export type MemberRow = typeof group_member.$inferSelect
export type RequestRow = typeof group_request.$inferSelect

const who = { username: person.username, display_name: person.display_name }
/** Of members: those who have not left. */
export const live = isNull(group_member.left_at)

export function groupRows(db: Reader): Promise<GroupRow[]> {
  return db.select().from(people_group).orderBy(asc(people_group.title), asc(people_group.id))
}

export async function findGroup(db: Reader, name: string): Promise<GroupRow | undefined> {
  const [row] = await db.select().from(people_group).where(eq(people_group.name, name))
  return row
}

/** The group whose members have a role. Migrations make one for each. */
export async function groupOfRole(db: Reader, role: GrantedRole): Promise<GroupRow> {
  const [row] = await db.select().from(people_group).where(eq(people_group.role, role))
  if (!row) throw new Error(`no group has the role ${role}`)
  return row
}

/** How many are in each group, and how many of them are sponsors, by group. */
export async function memberCounts(db: Reader) {
  const rows = await db
    .select({
      group_id: group_member.group_id,
      members: count(),
      sponsors: count(group_member.sponsor_since),
    })
    .from(group_member)
    .where(live)
    .groupBy(group_member.group_id)
  return new Map(rows.map((row) => [row.group_id, row]))
}

/** By name; `gone` for those who have left, the last to leave first. */
export function membersOf(db: Reader, group_id: number, gone = false) {
  return db
    .select({ member: group_member, ...who })
    .from(group_member)
    .innerJoin(person, eq(person.id, group_member.person_id))
    .where(and(eq(group_member.group_id, group_id), gone ? isNotNull(group_member.left_at) : live))
    .orderBy(gone ? desc(group_member.left_at) : asc(person.username))
    .limit(1000)
}

export async function liveMember(
  db: Reader,
  group_id: number,
  person_id: number,
): Promise<MemberRow | undefined> {
  const own = and(eq(group_member.group_id, group_id), eq(group_member.person_id, person_id), live)
  const [row] = await db.select().from(group_member).where(own)
  return row
}

export function countMembers(db: Reader, group_id: number): Promise<number> {
  return db.$count(group_member, and(eq(group_member.group_id, group_id), live))
}

/** Groups that a person is in, by title. */
export function groupsOfPerson(db: Reader, person_id: number) {
  return db
    .select({ group: people_group, member: group_member })
    .from(group_member)
    .innerJoin(people_group, eq(people_group.id, group_member.group_id))
    .where(and(eq(group_member.person_id, person_id), live))
    .orderBy(asc(people_group.title))
}

/** The roles that a person has by the groups that they are in. */
export async function rolesByGroups(db: Reader, person_id: number): Promise<GrantedRole[]> {
  const rows = await db
    .select({ role: people_group.role })
    .from(group_member)
    .innerJoin(people_group, eq(people_group.id, group_member.group_id))
    .where(and(eq(group_member.person_id, person_id), live, isNotNull(people_group.role)))
    .orderBy(asc(people_group.role))
  return rows.flatMap(({ role }) => role ?? [])
}

/** Oldest first. */
export function openRequests(db: Reader, group_id: number) {
  return db
    .select({ request: group_request, ...who })
    .from(group_request)
    .innerJoin(person, eq(person.id, group_request.person_id))
    .where(and(eq(group_request.group_id, group_id), eq(group_request.state, 'open')))
    .orderBy(asc(group_request.id))
    .limit(200)
}

/** The newest request of a person to a group, whatever became of it. */
export async function lastRequest(
  db: Reader,
  group_id: number,
  person_id: number,
): Promise<RequestRow | undefined> {
  const own = and(eq(group_request.group_id, group_id), eq(group_request.person_id, person_id))
  const [row] = await db
    .select()
    .from(group_request)
    .where(own)
    .orderBy(desc(group_request.id))
    .limit(1)
  return row
}

/** Who hears of a request: the sponsors of a group, or administrators where it has none. */
export async function listeners(db: Reader, group_id: number) {
  const address = { email: person.email, username: person.username }
  const of = (group: number, sponsors: boolean) =>
    db
      .select(address)
      .from(group_member)
      .innerJoin(person, eq(person.id, group_member.person_id))
      .where(
        and(
          eq(group_member.group_id, group),
          live,
          isNotNull(person.verified_at),
          sponsors ? isNotNull(group_member.sponsor_since) : undefined,
        ),
      )
      .orderBy(asc(person.id))
      .limit(50)
  const sponsors = await of(group_id, true)
  return sponsors.length > 0 ? sponsors : of((await groupOfRole(db, 'admin')).id, false)
}
