/**
 * Ends of a push before it is done. Until it is published all of it is undone, after that another task completes
 * it; an update can leave it until then.
 */
import { and, eq, isNull } from 'drizzle-orm'
import { push, push_change, update } from '../../db/schema/updates.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { actorName, type Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { must } from '../kernel/must.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { dropDrafts } from '../repos/compose.ts'
import { undoPlan } from '../repos/drafts.ts'
import { endTaskTree } from '../tasks/tasks.ts'
import { holdUpdate } from './hold.ts'
import { ejectUpdate, getPush, queuePush, queueSettling, restartPush } from './push-rows.ts'
import type { UpdateRow } from './queries.ts'

/**
 * Ends a push that is not published, as if it had not been: its updates are free and keep their requests, and
 * what it planned is forgotten. Tags, advisories and trees hold nothing of it.
 * @returns what it was: undone now, published already, or over before
 */
export async function abandonPush(
  tx: Tx,
  ctx: Ctx,
  push_id: number,
): Promise<'undone' | 'published' | 'over'> {
  const running = and(eq(push.id, push_id), eq(push.state, 'running'))
  // Updates before their push, as everywhere: who holds one waits for nobody who waits for it.
  await tx.update(update).set({ push_id: null }).where(eq(update.push_id, push_id))
  const [row] = await tx
    .update(push)
    .set({ state: 'failed', ended_at: ctx.app.clock.now() })
    .where(and(running, isNull(push.published_at)))
    .returning()
  if (!row) {
    const published = await tx.select({ id: push.id }).from(push).where(running)
    return published.length > 0 ? 'published' : 'over'
  }
  await undoPlan(tx, push_id)
  await dropDrafts(tx, push_id)
  await tx.delete(push_change).where(eq(push_change.push_id, push_id))
  await emit(tx, ctx, 'push.failed', `push:${push_id}`, { release: row.release })
  await queueSettling(tx, ctx, row.release)
  return 'undone'
}

/** Lets another task complete a push that is published and whose own task ended before it was done. */
export async function completePush(tx: Tx, ctx: Ctx, push_id: number): Promise<void> {
  const row = await getPush(tx, push_id)
  const task = await queuePush(tx, ctx, row)
  await tx.update(push).set({ task_id: task.id }).where(eq(push.id, push_id))
}

/**
 * Takes an update out of a push that is not published; the rest begins anew without it.
 * @throws PortalError push.published, not-found
 */
export async function withdrawFromPush(
  ctx: Ctx,
  push_id: number,
  alias: string,
  why: string,
): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  if (why.trim() === '') throw invalid('reason', reason('push.why'))
  await transaction(ctx, async (tx) => {
    const row = await holdUpdate(tx, alias)
    if (row.push_id !== push_id) throw new PortalError('push.not-in', { params: { alias } })
    const by = actorName(ctx.actor)
    await leavePush(tx, ctx, row, [reason('push.withdrawn', { by, why })])
    const subject = `update:${alias}`
    await audit(tx, ctx, { action: 'push.withdrawn', subject, reason: why, details: { push_id } })
  })
}

/**
 * Takes a held update out of the push that has it, which begins anew without it.
 * @throws PortalError push.published
 */
export async function leavePush(
  tx: Tx,
  ctx: Ctx,
  row: UpdateRow,
  reasons: Reason[],
): Promise<void> {
  const push_id = must(row.push_id, 'the push of a locked update')
  await ejectUpdate(tx, ctx, push_id, row, reasons)
  if (!(await restartPush(tx, push_id)))
    throw new PortalError('push.published', { params: { push: push_id } })
}

/**
 * Gives a push up that is not published: it is undone, and its updates are asked for again by the next one.
 * @throws PortalError push.published, push.over
 */
export async function giveUpPush(ctx: Ctx, push_id: number, why: string): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  if (why.trim() === '') throw invalid('reason', reason('push.why'))
  const row = await getPush(ctx.app.db, push_id)
  await transaction(ctx, async (tx) => {
    const was = await abandonPush(tx, ctx, push_id)
    if (was !== 'undone')
      throw new PortalError(was === 'over' ? 'push.over' : 'push.published', {
        params: { push: push_id },
      })
    const subject = `push:${push_id}`
    await audit(tx, ctx, { action: 'push.given-up', subject, reason: why })
    await endTaskTree(tx, ctx, row.task_id)
  })
}
