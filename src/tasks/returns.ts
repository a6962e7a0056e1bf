/**
 * Tasks that builders give back: because they stop, or because of a fault of their own. The build is not to
 * blame, so no attempt is used; a builder with a fault gets nothing for a while.
 */
import { and, eq, gt, sql } from 'drizzle-orm'
import { builder, task } from '../../db/schema/tasks.ts'
import type { Ctx } from '../kernel/context.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { restMs } from './builder.ts'
import { heldTask, retryTask } from './leases.ts'
import type { BuilderRow, TaskRow } from './queries.ts'
import { taskState } from './task.ts'

/** Given back more often than this, a task uses up attempts like any that broke. */
export const MAX_RETURNS = 10

export type Return = { kind: 'stopping' } | { kind: 'fault'; why: Reason }

/**
 * Gives a task back for its holder. @throws PortalError task.lease-lost
 */
export async function returnTask(
  ctx: Ctx,
  row: BuilderRow,
  id: number,
  lease: string,
  how: Return,
): Promise<void> {
  const held = await heldTask(ctx, id, lease)
  if (how.kind === 'fault') await restBuilder(ctx, row, how.why)
  const why = how.kind === 'fault' ? how.why : reason('task.builder-stopped', { builder: row.name })
  if (held.returns >= MAX_RETURNS) await retryTask(ctx.app, ctx, held, why)
  else await free(ctx, held, why)
}

async function free(ctx: Ctx, held: TaskRow, why: Reason): Promise<void> {
  await transaction(ctx, (tx) =>
    tx
      .update(task)
      .set({
        state: taskState.FREE,
        lease: null,
        lease_until: null,
        claimed_by: null,
        attempts: sql`${task.attempts} - 1`,
        returns: sql`${task.returns} + 1`,
        reason: why,
        progress: null,
      })
      .where(and(eq(task.id, held.id), eq(task.lease, held.lease ?? ''))),
  )
}

async function restBuilder(ctx: Ctx, row: BuilderRow, fault: Reason): Promise<void> {
  ctx.app.log.warn({ builder: row.name, fault }, 'builder has a fault')
  await transaction(ctx, async (tx) => {
    const [now] = await tx
      .update(builder)
      .set({ fault, faults: sql`${builder.faults} + 1` })
      .where(eq(builder.id, row.id))
      .returning({ faults: builder.faults })
    const rests_until = ctx.app.clock.now() + restMs(now?.faults ?? 1)
    await tx.update(builder).set({ rests_until }).where(eq(builder.id, row.id))
  })
}

/** A builder that has ended a task is well. */
export async function noteWell(ctx: Ctx, row: BuilderRow): Promise<void> {
  if (row.faults === 0) return
  await transaction(ctx, (tx) =>
    tx
      .update(builder)
      .set({ fault: null, faults: 0, rests_until: null })
      .where(and(eq(builder.id, row.id), gt(builder.faults, 0))),
  )
}
