/**
 * What a transaction says of itself: facts for whoever listens and entries of the audit log. Both are kept aside
 * while it works and written at its very end, the facts last, behind the lock that numbers them in the order of
 * commits. So whoever holds that lock waits for nothing any more, and emitters cannot stand in each other's way,
 * wherever in its work a verb emits.
 */
import { audit_entry, event } from '../../db/schema/kernel.ts'
import { chunks } from './chunks.ts'
import { actorName, type Ctx } from './context.ts'
import { lockEventOrder, type Tx } from './db.ts'

interface Aside {
  facts: (typeof event.$inferInsert)[]
  entries: (typeof audit_entry.$inferInsert)[]
}

/** By transaction; on SQLite that is one object which transactions use one after another. */
const collected = new WeakMap<object, Aside>()

function asideOf(tx: Tx, what: string): Aside {
  const aside = collected.get(tx)
  if (!aside) throw new Error(`${what} was said outside a transaction()`)
  return aside
}

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
  const at = ctx.app.clock.now()
  asideOf(tx, type).facts.push({ type, subject, payload, actor: actorName(ctx.actor), at })
}

/** Puts an entry on record, where and when the transaction commits. */
export function record(tx: Tx, entry: typeof audit_entry.$inferInsert): void {
  asideOf(tx, entry.action).entries.push(entry)
}

/** Runs the work of a transaction and then writes what it said. */
export async function withFacts<T>(tx: Tx, work: (tx: Tx) => Promise<T>): Promise<T> {
  const aside: Aside = { facts: [], entries: [] }
  collected.set(tx, aside)
  try {
    const value = await work(tx)
    for (const entries of chunks(aside.entries)) await tx.insert(audit_entry).values(entries)
    if (aside.facts.length > 0) await lockEventOrder(tx)
    for (const facts of chunks(aside.facts)) await tx.insert(event).values(facts)
    return value
  } finally {
    collected.delete(tx)
  }
}
