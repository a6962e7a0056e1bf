/** Reads of people and of secrets by digest. No decisions. */
import { and, desc, eq, gt, isNull } from 'drizzle-orm'
import { api_token, person, session } from '../../db/schema/accounts.ts'
import type { Reader } from '../kernel/db.ts'

export type PersonRow = typeof person.$inferSelect

export async function personById(db: Reader, id: number): Promise<PersonRow | undefined> {
  const [row] = await db.select().from(person).where(eq(person.id, id))
  return row
}

export async function personByUsername(db: Reader, username: string) {
  const [row] = await db.select().from(person).where(eq(person.username, username))
  return row
}

/** The person who proved the address. */
export async function personByEmail(db: Reader, email_key: string) {
  const [row] = await db.select().from(person).where(eq(person.email_key, email_key))
  return row
}

/** Sign-ups with an address that nobody verified yet, newest first. */
export function pendingByEmail(db: Reader, email: string) {
  return db
    .select()
    .from(person)
    .where(and(eq(person.email, email), isNull(person.verified_at)))
    .orderBy(desc(person.id))
    .limit(1)
}

export function sessionsOf(db: Reader, person_id: number, now_ms: number) {
  return db
    .select()
    .from(session)
    .where(and(eq(session.person_id, person_id), gt(session.expires_at, now_ms)))
    .orderBy(desc(session.created_at))
}

export function tokensOf(db: Reader, person_id: number) {
  return db
    .select()
    .from(api_token)
    .where(eq(api_token.person_id, person_id))
    .orderBy(desc(api_token.id))
}
