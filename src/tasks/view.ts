/** A task as pages and API show it: with what it waits for, its children, its holder. */

import type { Ctx } from '../kernel/context.ts'
import { PortalError } from '../kernel/errors.ts'
import { decodeCursor, encodeCursor } from '../kernel/http.ts'
import type { Reason } from '../kernel/reason.ts'
import { effectiveGrant, isResting } from './builder.ts'
import { logSize } from './logs.ts'
import {
  aliveBuilders,
  anyAlive,
  type BuilderRow,
  childrenOf,
  countAhead,
  countByState,
  findTask,
  listTaskRows,
  oldestFree,
  type TaskFilter,
  type TaskRow,
  unendedChildren,
} from './queries.ts'
import { ALIVE_MS, ENDED_STATES, taskState, waitsFor } from './task.ts'

export interface TaskView {
  task: TaskRow
  waits_for: Reason[]
  children: TaskRow[]
  log_bytes: number
}

const able = (row: BuilderRow, now: number) => ({
  ...effectiveGrant(row),
  resting: isResting(row, now),
})

/** What a task waits for, from the queue and the builders as they are now. */
export async function taskWaits(ctx: Ctx, row: TaskRow): Promise<Reason[]> {
  const { db, database } = ctx.app
  const now = await database.now(db)
  const since = now - ALIVE_MS
  const free = row.state === taskState.FREE
  return waitsFor({
    task: row,
    now,
    builders: free ? (await aliveBuilders(db, since)).map((each) => able(each, now)) : [],
    workerAlive: free ? await anyAlive(db, 'worker', since) : true,
    ahead: free ? await countAhead(db, row) : 0,
    openChildren: row.waiting ? await unendedChildren(db, row.id) : [],
  })
}

/** @throws PortalError not-found */
export async function viewTask(ctx: Ctx, id: number): Promise<TaskView> {
  const row = await findTask(ctx.app.db, id)
  if (!row) throw new PortalError('not-found')
  return {
    task: row,
    waits_for: await taskWaits(ctx, row),
    children: await childrenOf(ctx.app.db, id),
    log_bytes: await logSize(ctx.app, id),
  }
}

/** Newest first. */
export async function listTasks(
  ctx: Ctx,
  input: TaskFilter & { cursor?: string | undefined; limit: number },
): Promise<{ items: TaskRow[]; next: string | null }> {
  const rows = await listTaskRows(ctx.app.db, input, decodeCursor(input.cursor), input.limit + 1)
  const items = rows.slice(0, input.limit)
  const last = items.at(-1)
  return { items, next: rows.length > input.limit && last ? encodeCursor(last.id) : null }
}

/** How many tasks run and how many wait for someone to take them. */
export async function countQueue(ctx: Ctx): Promise<{ running: number; waiting: number }> {
  const counts = await countByState(ctx.app.db)
  return {
    running: counts.get(taskState.OPEN) ?? 0,
    waiting: counts.get(taskState.FREE) ?? 0,
  }
}

/** Since when the task waits that waits longest for somebody to take it, and what for; null when none does. */
export async function oldestWaiting(
  ctx: Ctx,
): Promise<{ since: number; waits_for: Reason[] } | null> {
  const { db, database } = ctx.app
  const row = await oldestFree(db, await database.now(db))
  return row ? { since: row.not_before, waits_for: await taskWaits(ctx, row) } : null
}

export interface TaskTreeView extends TaskView {
  /** The task that someone asked for, of which this one is a part or the whole. */
  root: TaskRow
  /** The part that broke, whose log says why. */
  failed: TaskRow | undefined
}

/** A task among those that it belongs to: root and its parts. @throws PortalError not-found */
export async function viewTaskTree(ctx: Ctx, id: number): Promise<TaskTreeView> {
  const view = await viewTask(ctx, id)
  const { parent_id } = view.task
  const parent = parent_id ? await findTask(ctx.app.db, parent_id) : undefined
  const children = parent ? await childrenOf(ctx.app.db, parent.id) : view.children
  const failed = view.children.find((child) => child.state === taskState.FAILED)
  return { ...view, root: parent ?? view.task, children, failed }
}

/** What goes on and what waits to, newest first, without the parts of it. */
export async function openTasks(ctx: Ctx, limit: number): Promise<TaskRow[]> {
  const states = Object.values(taskState).filter((state) => !ENDED_STATES.includes(state))
  return listTaskRows(ctx.app.db, { states, top: true }, undefined, limit)
}
