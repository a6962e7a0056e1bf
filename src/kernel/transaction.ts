/** The one way to write: all of it commits, or none. No I/O but the database inside. */
import type { Ctx } from './context.ts'
import type { Tx } from './db.ts'

/** @returns what `work` returned, once it is durable */
export function transaction<T>(ctx: Pick<Ctx, 'app'>, work: (tx: Tx) => Promise<T>): Promise<T> {
  return ctx.app.database.write(work)
}
