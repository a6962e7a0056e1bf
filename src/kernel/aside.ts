/**
 * Facts that a subscriber could not act on: counted while they are tried again, then put aside with what went
 * wrong, for an admin to give again or to drop.
 */
import { and, asc, eq, inArray, sql } from 'drizzle-orm'
import { event_aside } from '../../db/schema/kernel.ts'
import { requireRole } from './access.ts'
import { audit } from './audit.ts'
import { SECOND_MS } from './clock.ts'
import type { App, Ctx } from './context.ts'
import type { Reader, Tx } from './db.ts'
import { PortalError } from './errors.ts'
import type { Event } from './events.ts'
import { transaction } from './transaction.ts'

export type AsideRow = typeof event_aside.$inferSelect

/** After so many failures a fact goes aside; the rests between them come to 15 s. */
const ATTEMPTS_MAX = 5
const ERROR_MAX_CHARS = 500

export async function findAside(
  db: Reader,
  subscriber: string,
  event_id: number,
): Promise<AsideRow | undefined> {
  const [row] = await db
    .select()
    .from(event_aside)
    .where(and(eq(event_aside.subscriber, subscriber), eq(event_aside.event_id, event_id)))
  return row
}

/** Counts a failure. The count is one upsert, so that two workers' failures are two. */
export async function noteFailure(
  tx: Tx,
  app: App,
  subscriber: string,
  event: Event,
  failure: unknown,
): Promise<AsideRow> {
  const { id: event_id, type, subject, payload, actor, at } = event
  const now = app.clock.now()
  const said = {
    error: String(failure instanceof Error ? failure.message : failure).slice(0, ERROR_MAX_CHARS),
    failed_at: now,
  }
  const attempts = sql<number>`${event_aside.attempts} + 1`
  const [counted] = await tx
    .insert(event_aside)
    .values({
      ...{ subscriber, event_id, type, subject, payload, actor, at, ...said },
      ...{ state: 'trying', attempts: 1, not_before: now + SECOND_MS },
    })
    .onConflictDoUpdate({
      target: [event_aside.subscriber, event_aside.event_id],
      set: { ...said, attempts },
    })
    .returning()
  if (!counted) throw new Error('a failure was not counted')
  const state = counted.attempts >= ATTEMPTS_MAX ? ('aside' as const) : ('trying' as const)
  const not_before = now + SECOND_MS * 2 ** (counted.attempts - 1)
  await tx.update(event_aside).set({ state, not_before }).where(eq(event_aside.id, counted.id))
  return { ...counted, state, not_before }
}

export const wentAside = (row: AsideRow) => row.state === 'aside'

/** @returns false when somebody else has taken it */
export async function forgetAside(tx: Tx, id: number): Promise<boolean> {
  const gone = await tx
    .delete(event_aside)
    .where(eq(event_aside.id, id))
    .returning({ id: event_aside.id })
  return gone.length === 1
}

/** What waits for its subscriber once more, oldest first. */
export function givenAgain(db: Reader): Promise<AsideRow[]> {
  return db
    .select()
    .from(event_aside)
    .where(eq(event_aside.state, 'again'))
    .orderBy(asc(event_aside.event_id))
    .limit(100)
}

/** Facts that are aside or given again, oldest first. */
export function listAside(db: Reader, limit = 100): Promise<AsideRow[]> {
  return db
    .select()
    .from(event_aside)
    .where(inArray(event_aside.state, ['aside', 'again']))
    .orderBy(asc(event_aside.id))
    .limit(limit)
}

/** How many facts are aside. */
export function countAside(db: Reader): Promise<number> {
  return db.$count(event_aside, inArray(event_aside.state, ['aside', 'again']))
}

/** An admin has a worker hand a fact over once more. @throws PortalError not-found, account.* */
export async function giveAgain(ctx: Ctx, id: number): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  await transaction(ctx, async (tx) => {
    const [row] = await tx
      .update(event_aside)
      .set({ state: 'again' })
      .where(and(eq(event_aside.id, id), eq(event_aside.state, 'aside')))
      .returning()
    if (!row) throw new PortalError('not-found')
    await audit(tx, ctx, { action: 'event.given-again', ...aboutOf(row) })
  })
}

/** An admin gives a fact up: its subscriber never acts on it. @throws PortalError not-found, account.* */
export async function dropAside(ctx: Ctx, id: number): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  await transaction(ctx, async (tx) => {
    const [row] = await tx
      .delete(event_aside)
      .where(and(eq(event_aside.id, id), eq(event_aside.state, 'aside')))
      .returning()
    if (!row) throw new PortalError('not-found')
    await audit(tx, ctx, { action: 'event.dropped', ...aboutOf(row) })
  })
}

const aboutOf = ({ event_id, subscriber, type, subject, error }: AsideRow) => ({
  subject: `event:${event_id}`,
  details: { subscriber, type, about: subject, error },
})
