/**
 * Who holds a task: claim, renew, rest, give back, reap. Every change of hands is one conditional update,
 * so a task never has two holders and none is lost with its holder. Leases are measured by the database's
 * clock: hosts whose clocks differ take nothing from each other.
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
  const now = await app.database.now(app.db)
  const found: { id: number; priority: number }[] = []
  for (const channel of claimer.channels)
    for (const arch of claimer.arches)
      for (const driver of claimer.drivers ?? [''])
        found.push(...(await candidates(app.db, { channel, arch, driver }, now, 4)))
  if (found.length === 0) return undefined
  found.sort((a, b) => a.priority - b.priority || a.id - b.id)
  return transaction({ app }, async (tx) => {
    const from = await app.database.now(tx)
    for (const each of found) {
      const [claimed] = await tx
        .update(task)
        .set({
          state: taskState.OPEN,
          lease: newToken(app.random),
          lease_until: from + LEASE_MS,
          claimed_by: claimer.name,
          started_at: from,
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
  const renewed = await transaction({ app }, async (tx) => {
    const lease_until = (await app.database.now(tx)) + LEASE_MS
    return tx
      .update(task)
      .set({ lease_until, ...(progress && { progress }) })
      .where(and(eq(task.id, id), eq(task.lease, lease)))
      .returning({ id: task.id })
  })
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
    .set({ lease_until: (await ctx.app.database.now(tx)) + LEASE_MS })
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

export type Returned = 'again' | 'failed' | 'lost'

/** Gives a task back after an error that may pass; at its cap it fails with the reason. */
export function retryTask(app: App, ctx: Ctx, row: TaskRow, why: Reason): Promise<Returned> {
  return transaction({ app }, (tx) => giveBack(tx, ctx, row, why))
}

async function giveBack(tx: Tx, ctx: Ctx, row: TaskRow, why: Reason): Promise<Returned> {
  if (row.attempts >= row.max_attempts) {
    const gave_up = reason('task.gave-up', { attempts: row.attempts, message: describe(why) })
    const outcome = { kind: 'failed' as const, reason: gave_up }
    const failed = await endHeld(tx, ctx, row.id, row.lease ?? '', outcome)
    return failed ? 'failed' : 'lost'
  }
  const not_before = (await ctx.app.database.now(tx)) + retryDelayMs(row.attempts)
  const freed = await tx
    .update(task)
    .set({ ...FREED, reason: why, not_before })
    .where(and(eq(task.id, row.id), eq(task.lease, row.lease ?? '')))
    .returning({ id: task.id })
  return freed.length === 1 ? 'again' : 'lost'
}

const describe = (why: Reason) => String(why.params.message ?? why.code)

/** Frees the tasks of holders that fell silent. @returns how many */
export async function reapLeases(ctx: Ctx): Promise<number> {
  const { app } = ctx
  const expired = await expiredLeases(app.db, await app.database.now(app.db))
  let reaped = 0
  for (const row of expired) {
    const outcome = await reapLease(ctx, row)
    if (outcome === 'lost') continue
    reaped++
    app.log.warn({ task_id: row.id, holder: row.claimed_by, outcome }, 'lease expired')
  }
  return reaped
}

/**
 * Takes a task from a holder that is silent still.
 * @param seen the task as its lease was found to be over
 * @returns `lost` when its holder has renewed the lease since, or it is somebody else's
 */
export function reapLease(ctx: Ctx, seen: TaskRow): Promise<Returned> {
  const why = reason('task.holder-silent', { holder: seen.claimed_by ?? '' })
  return transaction(ctx, async (tx) => {
    // A write, not a read: from here on a renewal waits, and finds the lease gone.
    const [silent] = await tx
      .update(task)
      .set({ lease_until: seen.lease_until })
      .where(
        and(
          eq(task.id, seen.id),
          eq(task.lease, seen.lease ?? ''),
          eq(task.lease_until, seen.lease_until ?? 0),
        ),
      )
      .returning()
    return silent ? giveBack(tx, ctx, silent, why) : 'lost'
  })
}
