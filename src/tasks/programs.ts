/** Which workers are alive: each says so every few seconds. */
import { desc } from 'drizzle-orm'
import { program } from '../../db/schema/tasks.ts'
import type { App } from '../kernel/context.ts'
import { transaction } from '../kernel/transaction.ts'

export async function noteProgram(app: App, name: string, kind: string): Promise<void> {
  const last_seen_at = app.clock.now()
  await transaction({ app }, (tx) =>
    tx
      .insert(program)
      .values({ name, kind, started_at: last_seen_at, last_seen_at })
      .onConflictDoUpdate({ target: program.name, set: { last_seen_at } }),
  )
}

export function listPrograms(app: App) {
  return app.db.select().from(program).orderBy(desc(program.last_seen_at)).limit(50)
}
