/** Edits of an update: text changes nothing else, new builds begin a new revision. */
import { eq } from 'drizzle-orm'
import { update } from '../../db/schema/updates.ts'
import { releaseTags } from '../builds/build.ts'
import { untagBuild } from '../builds/tags.ts'
import { describeRelease } from '../distribution/releases.ts'
import { audit } from '../kernel/audit.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { holdUpdate } from './hold.ts'
import type { UpdateEdit } from './input.ts'
import { obsoleteOlder } from './obsolete.ts'
import { buildsOfUpdates, type UpdateRow } from './queries.ts'
import { VOTABLE } from './update.ts'
import {
  isCritical,
  linkBuilds,
  refuseLocked,
  refuseThresholds,
  requireMaintainerOf,
  takeBuilds,
  titleOf,
  writeParts,
} from './updates.ts'

/**
 * Changes an update. New builds begin a new revision: votes so far stay readable and stop counting, and
 * the days in testing begin anew. Text changes nothing else.
 */
export async function editUpdate(ctx: Ctx, alias: string, edit: UpdateEdit): Promise<UpdateRow> {
  return transaction(ctx, async (tx) => {
    const row = await holdUpdate(tx, alias)
    await requireMaintainerOf(tx, ctx, row)
    refuseLocked(row)
    // What is published is not changed behind people's backs; what has ended is nobody's any more.
    if (!VOTABLE.includes(row.status))
      throw new PortalError('update.refused', {
        field: Object.keys(edit)[0] ?? 'title',
        reasons: [reason('update.status', { status: row.status })],
      })
    const { builds: nvrs, bugs, testcases, cves, ...texts } = edit
    refuseThresholds(edit, describeRelease(ctx.app, row.release).policy, row.critical)
    await writeParts(tx, row.id, { bugs, testcases, cves })
    const [edited] = await tx
      .update(update)
      .set({ ...texts, modified_at: ctx.app.clock.now() })
      .where(eq(update.id, row.id))
      .returning()
    if (nvrs && edited) await reviseBuilds(tx, ctx, edited, nvrs)
    const subject = `update:${alias}`
    await audit(tx, ctx, { action: 'update.edited', subject, details: { ...edit } })
    await emit(tx, ctx, 'update.edited', subject, { fields: Object.keys(edit) })
    return holdUpdate(tx, alias)
  })
}

async function reviseBuilds(tx: Tx, ctx: Ctx, row: UpdateRow, nvrs: string[]): Promise<void> {
  const before = (await buildsOfUpdates(tx, [row.id])).map((each) => each.build)
  const { builds, release } = await takeBuilds(tx, ctx, nvrs, row.id)
  if (release !== row.release) throw invalid('builds', reason('update.one-release'))
  const same =
    builds.length === before.length && builds.every((b) => before.some((old) => old.id === b.id))
  if (same) return
  for (const build of before) await untagBuild(tx, ctx, releaseTags(release).testing, build)
  await linkBuilds(tx, row.id, builds)
  await obsoleteOlder(tx, ctx, row, builds)
  await tx
    .update(update)
    .set({
      critical: isCritical(ctx.app, row.release, builds),
      revision: row.revision + 1,
      status: 'pending',
      request: 'testing',
      testing_at: null,
      autopush_stopped_at: null,
      ejected: null,
      ...(row.title === titleOf(before) && { title: titleOf(builds) }),
    })
    .where(eq(update.id, row.id))
}
