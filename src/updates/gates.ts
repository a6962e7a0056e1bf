/** What automatic tests say of an update's revision, and waivers of it. */
import { and, eq } from 'drizzle-orm'
import { gate_result } from '../../db/schema/updates.ts'
import { requirePerson, requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import type { Ctx } from '../kernel/context.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { holdUpdate, refuseMoved } from './hold.ts'
import { gatesOfUpdates } from './queries.ts'
import { requireMaintainerOf } from './updates.ts'

export interface GateInput {
  /** The revision that was tested. */
  revision: number
  check: string
  passed: boolean
  required: boolean
  message: string
}

/**
 * Records what an automatic test said of an update's revision. A waiver is of the result that it named: another
 * result ends it. @throws PortalError update.refused when another revision has begun
 */
export async function recordGate(ctx: Ctx, alias: string, input: GateInput): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  await transaction(ctx, async (tx) => {
    const row = await holdUpdate(tx, alias)
    refuseMoved(row, input.revision)
    const at = ctx.app.clock.now()
    const { check: _, ...said } = input
    await tx
      .insert(gate_result)
      .values({ update_id: row.id, at, ...input })
      .onConflictDoUpdate({
        target: [gate_result.update_id, gate_result.revision, gate_result.check],
        set: { ...said, at, waived_by: null, waived_reason: null },
      })
    const subject = `update:${alias}`
    await audit(tx, ctx, { action: 'update.gated', subject, details: { ...input } })
    await emit(tx, ctx, 'update.gated', subject, { ...input })
  })
}

/** What a waiver is of: a check's result as its author saw it. */
export interface Waived {
  revision: number
  check: string
  /** When the result came, milliseconds since the epoch; another one is not waived. */
  result_at?: number | undefined
}

/** Lets an update pass in spite of a failed check, with a reason that everyone reads. */
export async function waiveGate(ctx: Ctx, alias: string, waived: Waived, why: string) {
  const { revision, check, result_at } = waived
  const person = requirePerson(ctx)
  requireRole(ctx, 'packager', 'package')
  if (why.trim() === '') throw invalid('reason', reason('update.waiver-reason'))
  await transaction(ctx, async (tx) => {
    const row = await holdUpdate(tx, alias)
    await requireMaintainerOf(tx, ctx, row)
    refuseMoved(row, revision)
    const [result] = (await gatesOfUpdates(tx, [row.id])).filter((each) => each.check === check)
    if (result && result_at !== undefined && result.at !== result_at)
      throw new PortalError('update.refused', {
        field: 'result_at',
        reasons: [reason('update.result-moved', { check })],
      })
    const rows = await tx
      .update(gate_result)
      .set({ waived_by: person.username, waived_reason: why })
      .where(
        and(
          eq(gate_result.update_id, row.id),
          eq(gate_result.revision, row.revision),
          eq(gate_result.check, check),
        ),
      )
      .returning()
    if (rows.length === 0) throw new PortalError('not-found', { field: 'check' })
    const subject = `update:${alias}`
    await audit(tx, ctx, { action: 'update.waived', subject, reason: why, details: { check } })
    await emit(tx, ctx, 'update.waived', subject, { check, reason: why, by: person.username })
  })
}
