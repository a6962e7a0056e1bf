/**
 * What the kernel forgets, and when: facts and letters after a term of days, in steps that hold no one up.
 * content/docs/operating/retention.md says what is kept for how long, and why.
 */
import { and, asc, eq, gt, inArray, isNotNull, lt, lte } from 'drizzle-orm'
import { event, mail, subscription } from '../../db/schema/kernel.ts'
import { DAY_MS } from './clock.ts'
import type { App } from './context.ts'
import type { Reader, Tx } from './db.ts'
import { marksOf, RETENTION, type Subscriber } from './subscribers.ts'
import { transaction } from './transaction.ts'

/** Rows of one step: others come to write between two. */
export const STEP_ROWS = 500
/** Steps of one call; what is left then waits for the next. */
const STEPS_MAX = 200

/** Number of the last fact that is forgotten, 0 while all are there. */
export async function forgottenUpTo(db: Reader): Promise<number> {
  const [row] = await db.select().from(subscription).where(eq(subscription.name, RETENTION))
  return row?.last_event_id ?? 0
}

/**
 * Forgets in steps. @param step removes at most STEP_ROWS rows and says how many it removed
 * @returns how many are gone
 */
export async function forgetInSteps(app: App, step: (tx: Tx) => Promise<number>): Promise<number> {
  let gone = 0
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    const count = await transaction({ app }, step)
    gone += count
    if (count < STEP_ROWS) break
  }
  return gone
}

/**
 * Forgets facts that are older than their term and that every subscriber has been past: from the oldest on,
 * without holes, so that one number says what is still there.
 * @returns how many are gone
 */
export async function forgetEvents(
  app: App,
  subscribers: readonly Pick<Subscriber, 'name'>[],
): Promise<number> {
  const before_ms = app.clock.now() - app.config.keep_events_days * DAY_MS
  const marks = await marksOf(app.db)
  const seen = Math.min(...subscribers.map(({ name }) => marks.get(name) ?? 0))
  return forgetInSteps(app, async (tx) => {
    const from = await forgottenUpTo(tx)
    const rows = await tx
      .select({ id: event.id, at: event.at })
      .from(event)
      .where(and(gt(event.id, from), lte(event.id, seen)))
      .orderBy(asc(event.id))
      .limit(STEP_ROWS)
    const young = rows.findIndex((row) => row.at >= before_ms)
    const old = young < 0 ? rows : rows.slice(0, young)
    const last = old.at(-1)?.id
    if (last === undefined) return 0
    await tx.delete(event).where(and(gt(event.id, from), lte(event.id, last)))
    await tx
      .insert(subscription)
      .values({ name: RETENTION, last_event_id: last })
      .onConflictDoUpdate({ target: subscription.name, set: { last_event_id: last } })
    return old.length
  })
}

/** Forgets that letters went out; those that did not stay for somebody to look at. @returns how many */
export async function forgetMail(app: App): Promise<number> {
  const before_ms = app.clock.now() - app.config.keep_mail_days * DAY_MS
  return forgetInSteps(app, async (tx) => {
    const rows = await tx
      .select({ id: mail.id })
      .from(mail)
      .where(and(isNotNull(mail.sent_at), lt(mail.sent_at, before_ms)))
      .orderBy(asc(mail.sent_at))
      .limit(STEP_ROWS)
    const ids = rows.map(({ id }) => id)
    if (ids.length > 0) await tx.delete(mail).where(inArray(mail.id, ids))
    return ids.length
  })
}
