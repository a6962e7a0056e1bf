/** One of everybody who may ask: nobody, people by session, tokens of one scope each, a builder. */
import { eq } from 'drizzle-orm'
import { api_token, person, session } from '../../db/schema/accounts.ts'
import { groupOfRole } from '../../src/accounts/group-queries.ts'
import { syncGroups } from '../../src/accounts/groups.ts'
import { enter } from '../../src/accounts/memberships.ts'
import { hashPassword } from '../../src/accounts/passwords.ts'
import { allScopes } from '../../src/accounts/person.ts'
import { beginSession } from '../../src/accounts/session.ts'
import { createToken } from '../../src/accounts/tokens.ts'
import type { Role, Scope } from '../../src/kernel/context.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { addBuilder } from '../../src/tasks/builders.ts'
import { ctxOf, personActor, type TestApp } from './test-app.ts'

export const password = 'a quiet harbour at dawn'

export interface Identity {
  name: string
  headers: Record<string, string>
}

/** A verified person in the groups of these roles. */
export async function makePerson(
  app: TestApp,
  username: string,
  roles: Role[] = ['member'],
): Promise<number> {
  const ctx = ctxOf(app)
  const at = app.clock.now()
  const password_hash = await hashPassword(password)
  await syncGroups(ctx)
  return transaction(ctx, async (tx) => {
    const email = `${username}@example.org`
    const [row] = await tx
      .insert(person)
      .values({
        username,
        email,
        email_key: email,
        password_hash,
        created_at: at,
        verified_at: at,
      })
      .returning()
    if (!row) throw new Error(`${username} is there already`)
    for (const role of roles)
      if (role !== 'member')
        await enter(tx, ctx, await groupOfRole(tx, role), row, { why: 'For a test.' })
    return row.id
  })
}

/** The Cookie header of a new session. */
export async function sessionOf(app: TestApp, person_id: number): Promise<string> {
  const [cookie = ''] = (await beginSession(app, person_id, 'test')).split(';')
  return cookie
}

/** A token of these scopes, made as from a session of the person. */
export async function tokenOf(
  app: TestApp,
  id: number,
  username: string,
  scopes: Scope[],
): Promise<string> {
  const actor = { ...personActor(id, username), session_id: 'x' }
  const made = await createToken(ctxOf(app, actor), { name: 'test', scopes, life_days: 0 })
  return made.token
}

const people = [
  ['member-mary', ['member']],
  ['packer-paul', ['member', 'packager']],
  ['admin-anna', ['member', 'packager', 'admin']],
] as const satisfies [string, Role[]][]

/** All who may ask. The tokens are an administrator's: only their scope keeps them from anything. */
export async function allIdentities(app: TestApp): Promise<Identity[]> {
  const found: Identity[] = [{ name: 'anonymous', headers: {} }]
  for (const [username, roles] of people) {
    const id = await makePerson(app, username, [...roles])
    found.push({ name: username, headers: { Cookie: await sessionOf(app, id) } })
    if (!username.startsWith('admin')) continue
    for (const scope of allScopes) {
      const token = await tokenOf(app, id, username, [scope])
      found.push({ name: `token:${scope}`, headers: { Authorization: `Bearer ${token}` } })
    }
  }
  const grant = { arches: ['x86_64'], channels: ['default'], drivers: ['host'], capacity: 2 }
  const token = await addBuilder(ctxOf(app), 'fuzz-builder', grant)
  found.push({ name: 'builder', headers: { Authorization: `Bearer ${token}` } })
  return found
}

/** Undoes what a run does to itself: sessions that it ended, tokens it revoked, roles it took. */
export async function keepIdentities(app: TestApp): Promise<() => Promise<void>> {
  const [sessions, tokens] = [
    await app.db.select().from(session),
    await app.db.select().from(api_token),
  ]
  const members = await app.db.select().from(person)
  return async () => {
    const ctx = ctxOf(app)
    await transaction(ctx, async (tx) => {
      for (const row of sessions) await tx.insert(session).values(row).onConflictDoNothing()
      for (const row of tokens) await tx.insert(api_token).values(row).onConflictDoNothing()
      for (const { id, username } of members) {
        const roles = people.find(([name]) => name === username)?.[1] ?? []
        const [row] = await tx.select().from(person).where(eq(person.id, id))
        if (!row) continue
        for (const role of roles)
          if (role !== 'member')
            await enter(tx, ctx, await groupOfRole(tx, role), row, { why: 'For a test.' })
      }
    })
  }
}
