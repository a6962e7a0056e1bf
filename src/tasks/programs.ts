/** Which workers are alive: each says so every few seconds. */
import { desc, lt } from 'drizzle-orm'
import { program } from '../../db/schema/tasks.ts'
import type { App } from '../kernel/context.ts'
import { transaction } from '../kernel/transaction.ts'

export async function noteProgram(app: App, name: string, kind: string): Promise<void> {
  await transaction({ app }, async (tx) => {
    // Others judge whether it is alive, by the clock that all share.
    const last_seen_at = await app.database.now(tx)
    await tx
      .insert(program)
      .values({ name, kind, started_at: last_seen_at, last_seen_at })
      .onConflictDoUpdate({ target: program.name, set: { last_seen_at } })
  })
}

/** Forgets programs that have not been seen since a moment: each start has a name of its own. */
export async function forgetPrograms(app: App, before_ms: number): Promise<void> {
  await transaction({ app }, (tx) => tx.delete(program).where(lt(program.last_seen_at, before_ms)))
}

export function listPrograms(app: App) {
  return app.db.select().from(program).orderBy(desc(program.last_seen_at)).limit(50)
}
