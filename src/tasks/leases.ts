/**
 * Who holds a task: claim, renew, rest, give back, reap. Every change of hands is one conditional update,
 * so a task never has two holders and none is lost with its holder.
 */
import { and, eq, sql } from 'drizzle-orm'
import { task } from '../../db/schema/tasks.ts'
import type { App, Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { newToken } from '../kernel/random.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { candidates, expiredLeases, findTask, type TaskRow, unendedChildren } from './queries.ts'
import { builderHolder, LEASE_MS, type Progress, retryDelayMs, taskState } from './task.ts'
import { endHeld } from './tasks.ts'

export interface Claimer {
  /** `worker:<name>` or `builder:<name>`. */
  name: string
  channels: string[]
  arches: string[]
  /** Drivers whose tasks it takes; '' for those that need none. */
  drivers?: string[]
}

/** Takes the first fitting task, or nothing. @returns the task with its new lease */
export async function claimTask(app: App, claimer: Claimer): Promise<TaskRow | undefined> {
  const now = app.clock.now()
  const found: { id: number; priority: number }[] = []
  for (const channel of claimer.channels)
    for (const arch of claimer.arches)
      for (const driver of claimer.drivers ?? [''])
        found.push(...(await candidates(app.db, { channel, arch, driver }, now, 4)))
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
      const outcome = { kind: 'failed' as const, reason: gave_up }
      const failed = await endHeld(tx, ctx, row.id, row.lease ?? '', outcome)
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
