/** What votes bring about: autopush stops, the update asks for stable, or it is obsolete. */
import { and, eq, isNull } from 'drizzle-orm'
import { update } from '../../db/schema/updates.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { emit } from '../kernel/events.ts'
import { reason } from '../kernel/reason.ts'
import { factsOf } from './facts.ts'
import { endUpdate } from './obsolete.ts'
import { leavePush } from './push-ends.ts'
import { karmaOfUpdates, type UpdateRow } from './queries.ts'
import { autopushDue, isUnstable, mayBeDue } from './update.ts'

/**
 * Follows a changed karma.
 * @param disliked whether somebody gave the update −1
 * @returns the update's karma
 */
export async function applyKarma(
  tx: Tx,
  ctx: Ctx,
  row: UpdateRow,
  disliked: boolean,
): Promise<number> {
  let held = row
  if (disliked && row.autopush_stopped_at === null) held = await stopAutopush(tx, ctx, row)
  const karma = (await karmaOfUpdates(tx, [held.id])).get(held.id)?.get('update') ?? 0
  const unstable = isUnstable({ ...held, karma })
  // What a push has in hand is not published yet: it goes on without what testers have sent back.
  if (unstable && held.push_id !== null)
    await leavePush(tx, ctx, held, [reason('push.unstable', { karma })])
  if (unstable) await endUpdate(tx, ctx, held, 'obsolete')
  // The other rules are asked only where autopush may act: most votes change nothing else.
  else if (held.push_id === null && mayBeDue(held, karma))
    // Whether it is enough by policy, factsOf knows.
    await askForStable(tx, ctx, held, autopushDue(await factsOf(ctx.app, tx, held)))
  return karma
}

/** Any person's −1 stops autopush, once, with one notice: the submitter then decides. */
async function stopAutopush(tx: Tx, ctx: Ctx, row: UpdateRow): Promise<UpdateRow> {
  const [stopped] = await tx
    .update(update)
    .set({ autopush_stopped_at: ctx.app.clock.now() })
    .where(and(eq(update.id, row.id), isNull(update.autopush_stopped_at)))
    .returning()
  if (!stopped) return row
  await emit(tx, ctx, 'update.autopush-stopped', `update:${row.alias}`, { title: row.title })
  return stopped
}

/** Asks for stable on the update's behalf. */
export async function askForStable(
  tx: Tx,
  ctx: Ctx,
  row: UpdateRow,
  because: 'karma' | 'time' | undefined,
): Promise<void> {
  if (!because) return
  await tx.update(update).set({ request: 'stable' }).where(eq(update.id, row.id))
  await emit(tx, ctx, 'update.requested', `update:${row.alias}`, { request: 'stable', because })
}
