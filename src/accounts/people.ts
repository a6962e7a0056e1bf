/** People as others see them, and what one changes about oneself. */
import { and, asc, eq, isNotNull, like, or } from 'drizzle-orm'
import { person } from '../../db/schema/accounts.ts'
import { requirePerson } from '../kernel/access.ts'
import { audit, auditOfPerson } from '../kernel/audit.ts'
import type { Ctx, Role } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { transaction } from '../kernel/transaction.ts'
import { requireSession } from './access.ts'
import { groupsOfPerson, rolesByGroups } from './group-queries.ts'
import { type Membership, membershipsOf } from './groups.ts'
import { cleanDisplayName, type Profile, rolesOf, usernameKey } from './person.ts'
import { type PersonRow, personById, personByUsername } from './queries.ts'

export interface PublicProfile extends Profile {
  groups: Membership[]
}

async function profileOf(ctx: Ctx, row: PersonRow): Promise<PublicProfile> {
  const { username, display_name, verified_at, created_at } = row
  const roles = rolesOf(await rolesByGroups(ctx.app.db, row.id))
  const groups = await membershipsOf(ctx, row.id)
  return { username, display_name, roles, groups, since: verified_at ?? created_at }
}

/** A person's public profile; one who is not verified is not there yet. @throws PortalError not-found */
export async function findProfile(ctx: Ctx, username: string): Promise<PublicProfile> {
  const row = await personByUsername(ctx.app.db, usernameKey(username))
  if (!row || row.verified_at === null) throw new PortalError('not-found')
  return profileOf(ctx, row)
}

/** What somebody is called whom a row names by number; undefined when they are gone. */
export async function usernameOf(ctx: Ctx, id: number): Promise<string | undefined> {
  return (await personById(ctx.app.db, id))?.username
}

export interface OwnAccount extends PublicProfile {
  id: number
  email: string
}

/** Oneself. @throws PortalError account.log-in-needed */
export async function ownAccount(ctx: Ctx): Promise<OwnAccount> {
  const me = requirePerson(ctx)
  const row = await personById(ctx.app.db, me.id)
  if (!row) throw new PortalError('account.log-in-needed')
  return { id: row.id, email: row.email, ...(await profileOf(ctx, row)) }
}

/** Changes what others read as one's name; empty for none. */
export async function changeProfile(ctx: Ctx, input: { display_name: string }): Promise<void> {
  const me = requireSession(ctx)
  const display_name = cleanDisplayName(input.display_name)
  await transaction(ctx, async (tx) => {
    await tx.update(person).set({ display_name }).where(eq(person.id, me.id))
    const subject = `person:${me.username}`
    await audit(tx, ctx, {
      action: 'account.profile-changed',
      subject,
      details: { display_name },
    })
  })
}

/** What was done with or by one's own account, newest first. */
export async function ownLog(ctx: Ctx, limit = 30) {
  return auditOfPerson(ctx.app.db, requireSession(ctx).id, limit)
}

/** Where mail reaches a person; undefined while no address is proved. For letters, never for pages. */
export async function addressOfPerson(
  db: Reader,
  id: number,
): Promise<{ email: string; username: string } | undefined> {
  const row = await personById(db, id)
  return row?.verified_at ? { email: row.email, username: row.username } : undefined
}

/** A verified person by name, for rooms that keep people by number. */
export async function findPerson(
  db: Reader,
  username: string,
): Promise<{ id: number; username: string } | undefined> {
  const row = await personByUsername(db, usernameKey(username))
  return row?.verified_at ? { id: row.id, username: row.username } : undefined
}

/** Number of a person for a filter; one that no row has where nobody has the name. */
export async function personId(db: Reader, username: string): Promise<number> {
  return (await findPerson(db, username))?.id ?? -1
}

/** Names of people, in the order of their numbers; those that are gone are left out. */
export async function usernamesOf(db: Reader, ids: readonly number[]): Promise<string[]> {
  const rows = await Promise.all(ids.map((id) => personById(db, id)))
  return rows.flatMap((row) => (row ? [row.username] : []))
}

export interface Found {
  username: string
  display_name: string
}

/** People whose name has the words in it. @param words as typed; marks of LIKE are taken out */
export function searchPeople(ctx: Ctx, words: string, limit: number): Promise<Found[]> {
  const pattern = `%${words.toLowerCase().replace(/[\\%_]/g, '')}%`
  return ctx.app.db
    .select({ username: person.username, display_name: person.display_name })
    .from(person)
    .where(
      and(
        isNotNull(person.verified_at),
        or(like(person.username, pattern), like(person.display_name, pattern)),
      ),
    )
    .orderBy(asc(person.username))
    .limit(limit)
}

/** A verified person's roles and groups, for rooms that decide by them. */
export async function standingOf(
  db: Reader,
  person_id: number,
): Promise<{ roles: Role[]; group_ids: number[] }> {
  const groups = (await groupsOfPerson(db, person_id)).map(({ group }) => group)
  const granted = groups.flatMap(({ role }) => role ?? [])
  return { roles: rolesOf(granted), group_ids: groups.map(({ id }) => id) }
}
