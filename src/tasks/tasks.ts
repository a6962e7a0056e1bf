/**
 * The task tree's verbs: create, claim, renew, suspend, finish, cancel, reap. Every change of hands is
 * one conditional update, so a task never has two holders and none is lost with its holder.
 */
import { and, eq, sql } from 'drizzle-orm'
import { task } from '../../db/schema/tasks.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import type { App, Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { newToken } from '../kernel/random.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import {
  candidates,
  childrenOf,
  endTask,
  expiredLeases,
  findByKey,
  findTask,
  type TaskRow,
  unendedChildren,
} from './queries.ts'
import {
  builderHolder,
  DEFAULT_MAX_ATTEMPTS,
  DEFAULT_PRIORITY,
  ENDED_STATES,
  LEASE_MS,
  type Progress,
  retryDelayMs,
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
  priority?: number
  max_attempts?: number
  unique_key?: string
  not_before?: number
  owner_id?: number
}

/** Makes a task, or returns the one that has the same key and has not ended. */
export async function createTask(tx: Tx, ctx: Ctx, input: NewTask): Promise<TaskRow> {
  const now = ctx.app.clock.now()
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
  if (row) return row
  const existing = await findByKey(tx, input.unique_key ?? '')
  if (!existing) throw new Error(`task ${input.method} was neither made nor found`)
  return existing
}

export interface Claimer {
  /** `worker:<name>` or `builder:<name>`. */
  name: string
  channels: string[]
  arches: string[]
}

/** Takes the first fitting task, or nothing. @returns the task with its new lease */
export async function claimTask(app: App, claimer: Claimer): Promise<TaskRow | undefined> {
  const now = app.clock.now()
  const found: { id: number; priority: number }[] = []
  for (const channel of claimer.channels)
    for (const arch of claimer.arches)
      found.push(...(await candidates(app.db, channel, arch, now, 4)))
  if (found.length === 0) return undefined
  found.sort((a, b) => a.priority - b.priority || a.id - b.id)
  return transaction({ app }, async (tx) => {
    for (const each of found) {
      const [claimed] = await tx
        .update(task)
        .set({
          state: taskState.OPEN,
          lease: newToken(app.random),
          lease_until: now + LEASE_MS,
          claimed_by: claimer.name,
          started_at: now,
          attempts: sql`${task.attempts} + 1`,
        })
        .where(and(eq(task.id, each.id), eq(task.state, taskState.FREE)))
        .returning()
      if (claimed) return claimed
    }
    return undefined
  })
}

/** Keeps a lease alive. @returns false when the task has been taken from its holder */
export async function renewLease(
  app: App,
  id: number,
  lease: string,
  progress?: Progress,
): Promise<boolean> {
  const renewed = await transaction({ app }, (tx) =>
    tx
      .update(task)
      .set({ lease_until: app.clock.now() + LEASE_MS, ...(progress && { progress }) })
      .where(and(eq(task.id, id), eq(task.lease, lease)))
      .returning({ id: task.id }),
  )
  return renewed.length === 1
}

/**
 * The task that this lease holds. A lease is good for the builder that claimed it and for no other.
 * @throws PortalError task.lease-lost
 */
export async function heldTask(ctx: Ctx, id: number, lease: string): Promise<TaskRow> {
  const { app, actor } = ctx
  const row = await findTask(app.db, id)
  const others = actor.kind === 'builder' && row?.claimed_by !== builderHolder(actor.name)
  if (!row || others || row.lease !== lease || row.state !== taskState.OPEN)
    throw new PortalError('task.lease-lost', { params: { id } })
  return row
}

/** Fails the transaction of a holder that has lost its task. @throws PortalError task.lease-lost */
export async function assertHeld(tx: Tx, ctx: Ctx, row: TaskRow): Promise<void> {
  // A write, not a read: on PostgreSQL it keeps the row until this transaction ends.
  const held = await tx
    .update(task)
    .set({ lease_until: ctx.app.clock.now() + LEASE_MS })
    .where(and(eq(task.id, row.id), eq(task.lease, row.lease ?? '')))
    .returning({ id: task.id })
  if (held.length === 0) throw new PortalError('task.lease-lost', { params: { id: row.id } })
}

/** Gives a task back without counting the attempt: it runs again at once. */
export async function freeTask(app: App, row: TaskRow): Promise<void> {
  await transaction({ app }, (tx) =>
    tx
      .update(task)
      .set({ ...FREED, attempts: sql`${task.attempts} - 1` })
      .where(and(eq(task.id, row.id), eq(task.lease, row.lease ?? ''))),
  )
}

const FREED = { state: taskState.FREE, lease: null, lease_until: null, claimed_by: null }

/** Remembers how far a handler has come. @throws PortalError task.lease-lost */
export async function saveCheckpoint(
  tx: Tx,
  id: number,
  lease: string,
  checkpoint: unknown,
): Promise<void> {
  const saved = await tx
    .update(task)
    .set({ checkpoint })
    .where(and(eq(task.id, id), eq(task.lease, lease)))
    .returning({ id: task.id })
  if (saved.length === 0) throw new PortalError('task.lease-lost', { params: { id } })
}

/**
 * Lets a task rest until its children have ended. Nothing rests whose children have ended already.
 * The parent's row is written before its children are counted, and by each child as it ends: so one of
 * two that meet waits for the other, and no wake-up is lost.
 * @returns false when there is nothing to wait for
 */
export async function suspendTask(app: App, id: number, lease: string): Promise<boolean> {
  return transaction({ app }, async (tx) => {
    const [row] = await tx
      .update(task)
      .set({ waiting: true })
      .where(and(eq(task.id, id), eq(task.lease, lease)))
      .returning()
    if (!row) throw new PortalError('task.lease-lost', { params: { id } })
    const open = await unendedChildren(tx, id)
    const set =
      open.length === 0
        ? { waiting: false }
        : { lease: null, lease_until: null, claimed_by: null, attempts: row.attempts - 1 }
    await tx.update(task).set(set).where(eq(task.id, id))
    return open.length > 0
  })
}

async function wakeParent(tx: Tx, ctx: Ctx, row: TaskRow): Promise<void> {
  if (!row.parent_id) return
  const [parent] = await tx
    .update(task)
    .set({ not_before: ctx.app.clock.now() })
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
  const row = await endTask(tx, id, endState(ctx, outcome), lease)
  if (!row) throw new PortalError('task.lease-lost', { params: { id } })
  await announceEnd(tx, ctx, row)
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

async function announceEnd(tx: Tx, ctx: Ctx, row: TaskRow): Promise<void> {
  await wakeParent(tx, ctx, row)
  await emit(tx, ctx, 'task.ended', `task:${row.id}`, {
    method: row.method,
    label: row.label,
    state: row.state,
    parent_id: row.parent_id,
  })
}

/** Gives a task back after an error that may pass; at its cap it fails with the reason. */
export async function retryTask(
  app: App,
  ctx: Ctx,
  row: TaskRow,
  why: Reason,
): Promise<'again' | 'failed' | 'lost'> {
  return transaction({ app }, async (tx) => {
    if (row.attempts >= row.max_attempts) {
      const gave_up = reason('task.gave-up', { attempts: row.attempts, message: describe(why) })
      const failed = await endTask(
        tx,
        row.id,
        endState(ctx, { kind: 'failed', reason: gave_up }),
        row.lease ?? '',
      )
      if (failed) await announceEnd(tx, ctx, failed)
      return failed ? 'failed' : 'lost'
    }
    const freed = await tx
      .update(task)
      .set({
        ...FREED,
        reason: why,
        not_before: app.clock.now() + retryDelayMs(row.attempts),
      })
      .where(and(eq(task.id, row.id), eq(task.lease, row.lease ?? '')))
      .returning({ id: task.id })
    return freed.length === 1 ? 'again' : 'lost'
  })
}

const describe = (why: Reason) => String(why.params.message ?? why.code)

/** Frees the tasks of holders that fell silent. @returns how many */
export async function reapLeases(ctx: Ctx): Promise<number> {
  const { app } = ctx
  const expired = await expiredLeases(app.db, app.clock.now())
  for (const row of expired) {
    const why = reason('task.holder-silent', { holder: row.claimed_by ?? '' })
    const outcome = await retryTask(app, ctx, row, why)
    app.log.warn({ task_id: row.id, holder: row.claimed_by, outcome }, 'lease expired')
  }
  return expired.length
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
    if (ENDED_STATES.includes(row.state)) throw new PortalError('task.not-cancelable')
    await cancelTree(tx, ctx, row)
    await audit(tx, ctx, { action: 'task.canceled', subject: `task:${id}` })
  })
}

async function cancelTree(tx: Tx, ctx: Ctx, row: TaskRow): Promise<void> {
  for (const child of await childrenOf(tx, row.id))
    if (!ENDED_STATES.includes(child.state)) await cancelTree(tx, ctx, child)
  const canceled = await endTask(tx, row.id, {
    state: taskState.CANCELED,
    ended_at: ctx.app.clock.now(),
  })
  if (canceled) await announceEnd(tx, ctx, canceled)
}
