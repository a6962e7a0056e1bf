/** What is asked of an update: a push to testing or stable, or to take it out of the flow. */
import { eq } from 'drizzle-orm'
import { update } from '../../db/schema/updates.ts'
import { audit } from '../kernel/audit.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { factsOf } from './facts.ts'
import { holdUpdate } from './hold.ts'
import { endUpdate } from './obsolete.ts'
import { buildsOfUpdates, type UpdateRow } from './queries.ts'
import { mayGoStable, mayGoTesting, requestAllowed, type UpdateRequest } from './update.ts'
import { linkBuilds, refuseLocked, refuseTaken, requireMaintainerOf } from './updates.ts'

/**
 * Asks for a push, or takes the request back.
 * @throws PortalError update.refused with every reason that stands against it
 */
export async function requestUpdate(
  ctx: Ctx,
  alias: string,
  request: UpdateRequest,
  why = '',
): Promise<UpdateRow> {
  return transaction(ctx, async (tx) => {
    const row = await holdUpdate(tx, alias)
    await requireMaintainerOf(tx, ctx, row)
    refuseLocked(row)
    await applyRequest(tx, ctx, row, request)
    const subject = `update:${alias}`
    await audit(tx, ctx, { action: `update.${request}`, subject, reason: why })
    await emit(tx, ctx, 'update.requested', subject, { request })
    return holdUpdate(tx, alias)
  })
}

async function applyRequest(
  tx: Tx,
  ctx: Ctx,
  row: UpdateRow,
  request: UpdateRequest,
): Promise<void> {
  if (!requestAllowed(row.status, request))
    throw new PortalError('update.refused', {
      field: 'request',
      reasons: [reason('update.request-status', { status: row.status, request })],
    })
  if (request === 'unpush') return endUpdate(tx, ctx, row, 'unpushed')
  if (request === 'obsolete') return endUpdate(tx, ctx, row, 'obsolete')
  if (request === 'revoke') {
    await tx.update(update).set({ request: null }).where(eq(update.id, row.id))
    return
  }
  const again = request === 'testing' && row.status === 'unpushed'
  const asked: UpdateRow = again ? { ...row, status: 'pending' } : row
  if (again) await takeAgain(tx, row)
  const facts = await factsOf(ctx.app, tx, asked)
  const reasons = request === 'stable' ? mayGoStable(facts) : mayGoTesting(facts)
  if (reasons.length > 0) throw new PortalError('update.refused', { field: 'request', reasons })
  await tx
    .update(update)
    .set({ request, status: asked.status, ejected: null })
    .where(eq(update.id, row.id))
}

/** An update that was taken out takes its builds again, where no other has them. */
async function takeAgain(tx: Tx, row: UpdateRow): Promise<void> {
  const builds = (await buildsOfUpdates(tx, [row.id])).map((each) => each.build)
  await refuseTaken(tx, builds, row.id)
  await linkBuilds(tx, row.id, builds)
}
