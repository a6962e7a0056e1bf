/**
 * Facts of a transaction, kept aside while it works and written at its very end, behind the lock that
 * numbers them in the order of commits. So whoever holds that lock waits for nothing any more, and emitters
 * cannot stand in each other's way, wherever in its work a verb emits.
 */
import { event } from '../../db/schema/kernel.ts'
import { actorName, type Ctx } from './context.ts'
import { lockEventOrder, type Tx } from './db.ts'

type Fact = typeof event.$inferInsert

/** Facts of one statement: databases bound the parameters of one. */
const ROWS = 500

/** By transaction; on SQLite that is one object which transactions use one after another. */
const collected = new WeakMap<object, Fact[]>()

/**
 * Says that something happened, where and when the transaction commits; one that fails says nothing.
 * @param type `<thing>.<happened>`
 * @param subject `<thing>:<name>`
 */
export async function emit(
  tx: Tx,
  ctx: Ctx,
  type: string,
  subject: string,
  payload: Record<string, unknown> = {},
): Promise<void> {
  const facts = collected.get(tx)
  if (!facts) throw new Error(`${type} was emitted outside a transaction()`)
  const at = ctx.app.clock.now()
  facts.push({ type, subject, payload, actor: actorName(ctx.actor), at })
}

/** Runs the work of a transaction and then writes what it emitted. */
export async function withFacts<T>(tx: Tx, work: (tx: Tx) => Promise<T>): Promise<T> {
  const facts: Fact[] = []
  collected.set(tx, facts)
  try {
    const value = await work(tx)
    if (facts.length > 0) await lockEventOrder(tx)
    for (let at = 0; at < facts.length; at += ROWS)
      await tx.insert(event).values(facts.slice(at, at + ROWS))
    return value
  } finally {
    collected.delete(tx)
  }
}
