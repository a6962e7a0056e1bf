/**
 * Acting on what happened. A subscriber moves its mark in the transaction of what it does about a fact, so
 * each is acted on exactly once. One that it cannot act on is tried again, then goes aside, and the subscriber
 * goes on without it.
 */
import { and, eq, lt } from 'drizzle-orm'
import { subscription } from '../../db/schema/kernel.ts'
import { findAside, forgetAside, givenAgain, noteFailure, wentAside } from './aside.ts'
import { type App, type Ctx, systemCtx } from './context.ts'
import { isDatabaseBusy, type Reader, type Tx } from './db.ts'
import { PortalError } from './errors.ts'
import { type Event, lastEventId, scanEvents } from './events.ts'
import { transaction } from './transaction.ts'

export interface Subscriber {
  /** Stable: its mark in the outbox is kept under it. Whoever retires one removes its mark by a migration. */
  name: string
  /** Type prefixes that it wants. */
  types: string[]
  /** What it does, in the transaction that moves its mark. */
  handle(tx: Tx, ctx: Ctx, event: Event): Promise<void>
}

/** Retention has a mark in the outbox as subscribers have: all up to it is forgotten. */
export const RETENTION = 'retention'

/** How far subscribers have come, by name; one that never ran stands at 0. */
export async function marksOf(db: Reader): Promise<Map<string, number>> {
  const rows = await db.select().from(subscription)
  return new Map(rows.map((row) => [row.name, row.last_event_id]))
}

/** The subscriber that is furthest behind, and when the first fact happened that it has yet to look at. */
export async function furthestBehind(
  db: Reader,
): Promise<{ subscriber: string; at: number } | null> {
  let last: { subscriber: string; mark: number } | undefined
  for (const [subscriber, mark] of await marksOf(db))
    if (subscriber !== RETENTION && (!last || mark < last.mark)) last = { subscriber, mark }
  if (!last) return null
  const [next] = (await scanEvents(db, last.mark, {}, 1)).events
  return next ? { subscriber: last.subscriber, at: next.at } : null
}

/**
 * Hands every subscriber what is new for it. Costs two small queries when nothing is.
 * @returns how many facts were acted on
 */
export async function deliverAll(app: App, subscribers: readonly Subscriber[]): Promise<number> {
  const last = await lastEventId(app.db)
  const marks = await marksOf(app.db)
  let handled = 0
  for (const subscriber of subscribers) {
    if ((marks.get(subscriber.name) ?? 0) >= last) continue
    handled += await deliver(app, subscriber)
  }
  return handled
}

/**
 * Hands a subscriber its next facts, each in a transaction of its own, and moves its mark over all that was
 * looked through. A fact that it could not act on ends the round; it comes again when its rest is over.
 * @returns how many it acted on
 */
export async function deliver(app: App, subscriber: Subscriber): Promise<number> {
  const { name, types } = subscriber
  let mark = (await marksOf(app.db)).get(name) ?? 0
  let handled = 0
  for (;;) {
    const { events, scanned, end } = await scanEvents(app.db, mark, { types })
    for (const each of events) {
      const outcome = await handOver(app, subscriber, each)
      if (outcome === 'rests') return handled
      if (outcome === 'handled') handled++
    }
    if (scanned > mark) await transaction({ app }, (tx) => moveMark(tx, name, scanned))
    if (end) return handled
    mark = scanned
  }
}

/** What came of one fact: `passed` when another worker has it or it went aside. */
type Outcome = 'handled' | 'passed' | 'rests'

async function handOver(app: App, subscriber: Subscriber, event: Event): Promise<Outcome> {
  const { name } = subscriber
  const before = await findAside(app.db, name, event.id)
  if (before?.state === 'trying' && before.not_before > app.clock.now()) return 'rests'
  try {
    return await transaction({ app }, async (tx) => {
      if (!(await moveMark(tx, name, event.id))) return 'passed'
      await subscriber.handle(tx, systemCtx(app, name), event)
      if (before) await forgetAside(tx, before.id)
      return 'handled'
    })
  } catch (error) {
    if (isMoment(error)) throw error
    app.log.error({ err: error, subscriber: name, event_id: event.id }, 'an event was not handled')
    return transaction({ app }, async (tx) => {
      const row = await noteFailure(tx, app, name, event, error)
      if (!wentAside(row)) return 'rests'
      await moveMark(tx, name, event.id)
      return 'passed'
    })
  }
}

/** A database that had no time says nothing about the fact. */
const isMoment = (error: unknown) =>
  isDatabaseBusy(error) || (error instanceof PortalError && error.code === 'database.busy')

/** @returns false when another worker has come as far already */
async function moveMark(tx: Tx, name: string, event_id: number): Promise<boolean> {
  await tx.insert(subscription).values({ name, last_event_id: 0 }).onConflictDoNothing()
  const moved = await tx
    .update(subscription)
    .set({ last_event_id: event_id })
    .where(and(eq(subscription.name, name), lt(subscription.last_event_id, event_id)))
    .returning()
  return moved.length === 1
}

/** Hands over what an admin gives again. It stays aside with what it says now when it fails again. */
export async function deliverAgain(app: App, subscribers: readonly Subscriber[]): Promise<number> {
  let handled = 0
  for (const row of await givenAgain(app.db)) {
    const subscriber = subscribers.find(({ name }) => name === row.subscriber)
    const { event_id: id, type, subject, payload, actor, at } = row
    const event: Event = { id, type, subject, payload, actor, at }
    try {
      await transaction({ app }, async (tx) => {
        if (!(await forgetAside(tx, row.id))) return
        if (!subscriber) throw new Error(`there is no subscriber ${row.subscriber} any more`)
        await subscriber.handle(tx, systemCtx(app, row.subscriber), event)
      })
      handled++
    } catch (error) {
      if (isMoment(error)) throw error
      await transaction({ app }, (tx) => noteFailure(tx, app, row.subscriber, event, error))
    }
  }
  return handled
}
