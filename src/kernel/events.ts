/**
 * The outbox: a fact is a row in the transaction of the change. Subscribers read the rows in order and
 * move their mark in the transaction of what they do about it, so each fact is acted on exactly once.
 */
import { and, asc, desc, eq, gt, gte, like, lte, or, type SQL } from 'drizzle-orm'
import { event, subscription } from '../../db/schema/kernel.ts'
import { type App, actorName, type Ctx, systemCtx } from './context.ts'
import { lockEventOrder, type Reader, type Tx } from './db.ts'
import { transaction } from './transaction.ts'

export interface Event {
  id: number
  /** `<thing>.<happened>`: build.finished, update.pushed. */
  type: string
  /** `<thing>:<name>`. */
  subject: string
  payload: Record<string, unknown>
  actor: string
  /** Milliseconds since the epoch. */
  at: number
}

/** Writes a fact. Call it last in the transaction: on PostgreSQL it queues other emitters. */
export async function emit(
  tx: Tx,
  ctx: Ctx,
  type: string,
  subject: string,
  payload: Record<string, unknown> = {},
): Promise<void> {
  await lockEventOrder(tx)
  const at = ctx.app.clock.now()
  await tx.insert(event).values({ type, subject, payload, actor: actorName(ctx.actor), at })
}

export interface EventFilter {
  /** Type prefixes, such as `build.`; empty means all. */
  types?: string[]
  subject?: string
}

function filterOf(filter: EventFilter): SQL | undefined {
  const types = (filter.types ?? []).map((type) =>
    like(event.type, `${type.replace(/[%_]/g, '')}%`),
  )
  return and(
    types.length > 0 ? or(...types) : undefined,
    filter.subject === undefined ? undefined : eq(event.subject, filter.subject),
  )
}

/** Facts after a cursor, oldest first. */
export function eventsAfter(
  db: Reader,
  cursor: number,
  filter: EventFilter = {},
  limit = 100,
): Promise<Event[]> {
  return db
    .select()
    .from(event)
    .where(and(gt(event.id, cursor), filterOf(filter)))
    .orderBy(asc(event.id))
    .limit(limit)
}

/** The newest facts since a moment, newest first. */
export function eventsSince(
  db: Reader,
  since_ms: number,
  filter: EventFilter,
  limit: number,
): Promise<Event[]> {
  return db
    .select()
    .from(event)
    .where(and(gte(event.at, since_ms), filterOf(filter)))
    .orderBy(desc(event.id))
    .limit(limit)
}

/** Number of the newest fact, 0 when there is none. */
export async function lastEventId(db: Reader): Promise<number> {
  const [last] = await db.select({ id: event.id }).from(event).orderBy(desc(event.id)).limit(1)
  return last?.id ?? 0
}

export interface Subscriber {
  /** Stable: its mark in the outbox is kept under it. */
  name: string
  /** Type prefixes that it wants. */
  types: string[]
  /** What it does, in the transaction that moves its mark. */
  handle(tx: Tx, ctx: Ctx, event: Event): Promise<void>
}

/**
 * Hands a subscriber its next facts, each in a transaction of its own.
 * @returns how many it handled; fewer than `limit` means that it has caught up
 */
export async function deliver(app: App, subscriber: Subscriber, limit = 100): Promise<number> {
  const [mark] = await app.db
    .select()
    .from(subscription)
    .where(eq(subscription.name, subscriber.name))
  const after = mark?.last_event_id ?? 0
  const events = await eventsAfter(app.db, after, { types: subscriber.types }, limit)
  for (const each of events) {
    await transaction({ app }, async (tx) => {
      if (!(await moveMark(tx, subscriber.name, each.id))) return
      await subscriber.handle(tx, systemCtx(app, subscriber.name), each)
    })
  }
  return events.length
}

/** @returns false when another worker has handled this fact already */
async function moveMark(tx: Tx, name: string, event_id: number): Promise<boolean> {
  await tx.insert(subscription).values({ name, last_event_id: 0 }).onConflictDoNothing()
  const moved = await tx
    .update(subscription)
    .set({ last_event_id: event_id })
    .where(and(eq(subscription.name, name), lte(subscription.last_event_id, event_id - 1)))
    .returning()
  return moved.length === 1
}
