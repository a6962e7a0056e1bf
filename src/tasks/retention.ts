/** Forgets ended tasks of a channel whose tasks come in large numbers and leave their results elsewhere. */
import { rm } from 'node:fs/promises'
import { and, asc, eq, inArray, lt } from 'drizzle-orm'
import { event } from '../../db/schema/kernel.ts'
import { task } from '../../db/schema/tasks.ts'
import type { Ctx } from '../kernel/context.ts'
import { transaction } from '../kernel/transaction.ts'
import { logFile } from './logs.ts'
import { ENDED_STATES } from './task.ts'

/** Rows at once, so that others come to write between. */
const AT_ONCE = 500
const ROUNDS_MAX = 200

/**
 * Removes rows, logs and events of tasks of a channel that ended before a moment.
 * @returns how many tasks
 */
export async function purgeEndedTasks(
  ctx: Ctx,
  channel: string,
  before_ms: number,
): Promise<number> {
  let count = 0
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const rows = await ctx.app.db
      .select({ id: task.id })
      .from(task)
      .where(
        and(
          inArray(task.state, ENDED_STATES),
          eq(task.channel, channel),
          lt(task.ended_at, before_ms),
        ),
      )
      .orderBy(asc(task.id))
      .limit(AT_ONCE)
    const ids = rows.map((row) => row.id)
    if (ids.length === 0) break
    for (const id of ids) await rm(logFile(ctx.app, id), { force: true })
    const subjects = ids.map((id) => `task:${id}`)
    await transaction(ctx, async (tx) => {
      await tx.delete(event).where(inArray(event.subject, subjects))
      await tx.delete(task).where(inArray(task.id, ids))
    })
    count += ids.length
  }
  return count
}
