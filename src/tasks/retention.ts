/**
 * Forgets tasks that have ended, with their logs: trees of tasks after their term, and at once what comes in
 * large numbers and leaves its results elsewhere. What their ends said stays in the outbox for its own term.
 */
import { rm } from 'node:fs/promises'
import { and, asc, eq, inArray, lt } from 'drizzle-orm'
import { task } from '../../db/schema/tasks.ts'
import { AT_ONCE, chunks } from '../kernel/chunks.ts'
import { DAY_MS } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import { transaction } from '../kernel/transaction.ts'
import { logFile } from './logs.ts'
import { ENDED_STATES } from './task.ts'

const ROUNDS_MAX = 200

/** Removes logs, then rows: what is left when the program ends in between is removed the next time. */
async function forget(ctx: Ctx, ids: number[]): Promise<void> {
  for (const id of ids) await rm(logFile(ctx.app, id), { force: true })
  for (const part of chunks(ids))
    await transaction(ctx, (tx) => tx.delete(task).where(inArray(task.id, part)))
}

/**
 * Removes rows and logs of tasks of a channel that ended before a moment.
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
          lt(task.ended_at, before_ms),
          inArray(task.state, ENDED_STATES),
          eq(task.channel, channel),
        ),
      )
      .orderBy(asc(task.ended_at))
      .limit(AT_ONCE)
    const ids = rows.map((row) => row.id)
    if (ids.length > 0) await forget(ctx, ids)
    count += ids.length
    if (ids.length < AT_ONCE) break
  }
  return count
}

/**
 * Removes trees of tasks whose root ended before their term began: a build with its parts goes whole.
 * @returns how many roots
 */
export async function forgetTasks(ctx: Ctx): Promise<number> {
  const before_ms = ctx.app.clock.now() - ctx.app.config.keep_tasks_days * DAY_MS
  let count = 0
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const roots = await ctx.app.db
      .select({ id: task.id })
      .from(task)
      .where(and(lt(task.ended_at, before_ms), eq(task.parent_id, 0)))
      .orderBy(asc(task.ended_at))
      .limit(AT_ONCE / 10)
    for (const { id } of roots) await forget(ctx, await treeOf(ctx, id))
    count += roots.length
    if (roots.length < AT_ONCE / 10) break
  }
  return count
}

/** A task and all below it, leaves first: so that a kill in between leaves nothing without its root. */
async function treeOf(ctx: Ctx, root: number): Promise<number[]> {
  const ids = [root]
  for (let level = [root]; level.length > 0; ) {
    const below: number[] = []
    for (const part of chunks(level)) {
      const rows = await ctx.app.db
        .select({ id: task.id })
        .from(task)
        .where(inArray(task.parent_id, part))
      below.push(...rows.map(({ id }) => id))
    }
    ids.unshift(...below)
    level = below
  }
  return ids
}
