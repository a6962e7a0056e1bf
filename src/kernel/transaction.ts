/**
 * The one way to write: all of it commits, or none. No I/O but the database inside.
 *
 * On PostgreSQL transactions run side by side, so what a verb decides upon is held: it writes the row first
 * (holdUpdate, holdGroup …) and reads what belongs to it afterwards. One order of holding keeps them out of
 * each other's way: packages by number, then updates by number, then builds, tags and pushes, then tasks from
 * the leaf up, then what hangs on them; the order of events comes last by itself (outbox.ts). Where two meet
 * all the same, the database ends one and its work runs again: so `work` changes nothing but the database,
 * and what it learned is what it returns.
 */
import type { Ctx } from './context.ts'
import type { Tx } from './db.ts'
import { withFacts } from './outbox.ts'

/**
 * @param work may run several times; only what its last run wrote is kept
 * @returns what `work` returned, once it is durable
 * @throws PortalError database.busy when the database let it through not even in the end
 */
export function transaction<T>(ctx: Pick<Ctx, 'app'>, work: (tx: Tx) => Promise<T>): Promise<T> {
  return ctx.app.database.write((tx) => withFacts(tx, work))
}
