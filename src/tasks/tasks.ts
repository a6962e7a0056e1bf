/**
 * The task tree's verbs: create, finish, cancel. Who holds a task is decided in leases.ts.
 */
import { and, eq } from 'drizzle-orm'
import { task } from '../../db/schema/tasks.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import type { Reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import {
  childrenOf,
  endTask,
  findByKey,
  findTask,
  type TaskRow,
  unendedChildren,
} from './queries.ts'
import {
  DEFAULT_MAX_ATTEMPTS,
  DEFAULT_PRIORITY,
  ENDED_STATES,
  taskState,
  WORKER_CHANNEL,
} from './task.ts'

export type { TaskRow } from './queries.ts'
export { childrenOf as childTasks, findTask as getTask } from './queries.ts'

export interface NewTask {
  method: string
  label: string
  payload: unknown
  parent_id?: number
  arch?: string
  channel?: string
  /** What a builder must have; any will do where it is left out. */
  driver?: string
  priority?: number
  max_attempts?: number
  unique_key?: string
  not_before?: number
  owner_id?: number
}

/** One of the key may end between two looks; more often than this it does not. */
const LOOKS_MAX = 5

/** Makes a task, or returns the one that has the same key and has not ended. */
export async function createTask(tx: Tx, ctx: Ctx, input: NewTask): Promise<TaskRow> {
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const row = await insertTask(tx, ctx, input)
    if (row) return row
    const existing = await findByKey(tx, input.unique_key ?? '')
    if (existing) return existing
  }
  throw new Error(`task ${input.method} was neither made nor found`)
}

async function insertTask(tx: Tx, ctx: Ctx, input: NewTask): Promise<TaskRow | undefined> {
  // Who claims it asks the database's clock, too.
  const now = await ctx.app.database.now(tx)
  const owner = ctx.actor.kind === 'person' ? ctx.actor.id : null
  const [row] = await tx
    .insert(task)
    .values({
      method: input.method,
      label: input.label,
      payload: input.payload,
      parent_id: input.parent_id ?? 0,
      arch: input.arch ?? 'noarch',
      channel: input.channel ?? WORKER_CHANNEL,
      driver: input.driver ?? '',
      priority: input.priority ?? DEFAULT_PRIORITY,
      state: taskState.FREE,
      max_attempts: input.max_attempts ?? DEFAULT_MAX_ATTEMPTS,
      unique_key: input.unique_key ?? null,
      owner_id: input.owner_id ?? owner,
      created_at: now,
      not_before: input.not_before ?? now,
    })
    .onConflictDoNothing()
    .returning()
  return row
}

async function wakeParent(tx: Tx, ctx: Ctx, row: TaskRow): Promise<void> {
  if (!row.parent_id) return
  const [parent] = await tx
    .update(task)
    .set({ not_before: await ctx.app.database.now(tx) })
    .where(eq(task.id, row.parent_id))
    .returning()
  if (!parent?.waiting) return
  if ((await unendedChildren(tx, parent.id)).length > 0) return
  await tx
    .update(task)
    .set({ state: taskState.FREE, waiting: false })
    .where(and(eq(task.id, parent.id), eq(task.waiting, true)))
}

export type Outcome =
  | { kind: 'closed'; result: unknown }
  | {
      kind: 'failed'
      reason: Reason
      highlights?: { line: number; text: string }[]
      result?: unknown
    }

/** Ends a task for its holder. @throws PortalError task.lease-lost when it is no longer its holder */
export async function finishTask(
  tx: Tx,
  ctx: Ctx,
  id: number,
  lease: string,
  outcome: Outcome,
): Promise<TaskRow> {
  const row = await endHeld(tx, ctx, id, lease, outcome)
  if (!row) throw new PortalError('task.lease-lost', { params: { id } })
  return row
}

/** The same without an error: undefined when the task is no longer held under this lease. */
export async function endHeld(
  tx: Tx,
  ctx: Ctx,
  id: number,
  lease: string,
  outcome: Outcome,
): Promise<TaskRow | undefined> {
  const row = await endTask(tx, id, endState(ctx, outcome), lease)
  if (row) await announceEnd(tx, ctx, row)
  return row
}

function endState(ctx: Ctx, outcome: Outcome): Partial<typeof task.$inferInsert> {
  const ended_at = ctx.app.clock.now()
  if (outcome.kind === 'closed')
    return { state: taskState.CLOSED, result: outcome.result, reason: null, ended_at }
  return {
    state: taskState.FAILED,
    reason: outcome.reason,
    highlights: outcome.highlights ?? null,
    result: outcome.result ?? null,
    ended_at,
  }
}

/** Wakes whoever rests until this task has ended, and says that it has. */
async function announceEnd(tx: Tx, ctx: Ctx, row: TaskRow): Promise<void> {
  await wakeParent(tx, ctx, row)
  await sayEnd(tx, ctx, row)
}

function sayEnd(tx: Tx, ctx: Ctx, row: TaskRow): Promise<void> {
  const { method, label, state, parent_id } = row
  return emit(tx, ctx, 'task.ended', `task:${row.id}`, { method, label, state, parent_id })
}

/**
 * Cancels a task and all below it; holders learn it when they renew. One's own, or any by an admin.
 * @throws PortalError task.not-cancelable when it has ended, account.*
 */
export async function cancelTask(ctx: Ctx, id: number): Promise<void> {
  const asked = await findTask(ctx.app.db, id)
  const own = ctx.actor.kind === 'person' && asked?.owner_id === ctx.actor.id
  requireRole(ctx, own ? 'packager' : 'admin', 'package')
  await transaction(ctx, async (tx) => {
    const row = await findTask(tx, id)
    if (!row) throw new PortalError('not-found')
    const canceled = await cancelTree(tx, ctx, row)
    if (!canceled) throw new PortalError('task.not-cancelable')
    await wakeParent(tx, ctx, canceled)
    await audit(tx, ctx, { action: 'task.canceled', subject: `task:${id}` })
  })
}

/** Ends a task and all below it for a verb that has asked who may; nothing changes where they have ended. */
export async function endTaskTree(tx: Tx, ctx: Ctx, id: number): Promise<void> {
  const row = await findTask(tx, id)
  if (row && !ENDED_STATES.includes(row.state)) await cancelTree(tx, ctx, row)
}

/**
 * Ends a task and all below it, leaves first, as children that end by themselves come to their parent. Nobody in
 * the tree is woken: it is gone with them.
 * @returns undefined when it had ended already
 */
async function cancelTree(tx: Tx, ctx: Ctx, row: TaskRow): Promise<TaskRow | undefined> {
  for (const child of await childrenOf(tx, row.id))
    if (!ENDED_STATES.includes(child.state)) await cancelTree(tx, ctx, child)
  const ended_at = ctx.app.clock.now()
  const canceled = await endTask(tx, row.id, { state: taskState.CANCELED, ended_at })
  if (canceled) await sayEnd(tx, ctx, canceled)
  return canceled
}
