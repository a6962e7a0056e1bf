/** How an update ends: taken out of the flow, or another one takes its place. */
import { eq } from 'drizzle-orm'
import { update, update_bug, update_build, update_cve } from '../../db/schema/updates.ts'
import { releaseTags } from '../builds/build.ts'
import type { BuildRow } from '../builds/builds.ts'
import { untagBuild } from '../builds/tags.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { compareEvr } from '../kernel/evr.ts'
import { reason } from '../kernel/reason.ts'
import {
  bugsOfUpdates,
  buildsByUpdate,
  buildsOfUpdates,
  cvesOfUpdates,
  openUpdatesOf,
  type UpdateRow,
} from './queries.ts'
import { isOvertaken } from './update.ts'

/**
 * An update of builds that are newer takes the place of unlocked ones that have nothing else: their bugs and notes
 * come along, and so does the type `security`.
 * @throws PortalError update.refused when an open update has a newer build of one of the packages
 */
export async function obsoleteOlder(
  tx: Tx,
  ctx: Ctx,
  row: UpdateRow,
  builds: BuildRow[],
): Promise<UpdateRow> {
  const names = builds.map((each) => each.name)
  const older = (await openUpdatesOf(tx, row.release, names)).filter((each) => each.id !== row.id)
  let kept = row
  for (const each of older) {
    const own = (await buildsOfUpdates(tx, [each.id])).map((b) => b.build)
    refuseOlderThan(each, own, builds)
    // One that holds other packages too is not answered by this one.
    if (!isOvertaken(own, builds)) continue
    kept = await inheritFrom(tx, kept, each)
    await endUpdate(tx, ctx, each, 'obsolete', { obsoleted_by: row.alias })
  }
  return kept
}

function refuseOlderThan(open: UpdateRow, its: BuildRow[], builds: BuildRow[]): void {
  for (const build of builds) {
    const newer = its.find((each) => each.name === build.name && compareEvr(each, build) > 0)
    if (newer)
      throw new PortalError('update.refused', {
        field: 'builds',
        reasons: [
          reason('update.older-than-open', { nvr: build.nvr, newer: newer.nvr, alias: open.alias }),
        ],
      })
  }
}

/**
 * Ends open updates that have nothing left which what has just become stable does not replace.
 * @param rows of one release, at most some hundred
 */
export async function obsoleteOvertaken(tx: Tx, ctx: Ctx, rows: UpdateRow[]): Promise<void> {
  const [first] = rows
  if (!first) return
  const stable = await buildsByUpdate(
    tx,
    rows.map(({ id }) => id),
  )
  const names = [...stable.values()].flat().map(({ name }) => name)
  const open = await openUpdatesOf(tx, first.release, [...new Set(names)])
  const own = await buildsByUpdate(
    tx,
    open.map(({ id }) => id),
  )
  for (const each of open) {
    const its = own.get(each.id) ?? []
    const by = rows.find(({ id }) => isOvertaken(its, stable.get(id) ?? []))
    if (by) await endUpdate(tx, ctx, each, 'obsolete', { obsoleted_by: by.alias })
  }
}

async function inheritFrom(tx: Tx, row: UpdateRow, older: UpdateRow): Promise<UpdateRow> {
  for (const { url, number, title, required } of await bugsOfUpdates(tx, [older.id]))
    await tx
      .insert(update_bug)
      .values({ update_id: row.id, url, number, title, required })
      .onConflictDoNothing()
  for (const { cve } of await cvesOfUpdates(tx, [older.id]))
    await tx.insert(update_cve).values({ update_id: row.id, cve }).onConflictDoNothing()
  const security = older.type === 'security'
  const [kept] = await tx
    .update(update)
    .set({
      notes: [row.notes, older.notes].filter(Boolean).join('\n\n---\n\n'),
      ...(security && { type: 'security' as const }),
      ...(security && row.severity === 'unspecified' && { severity: older.severity }),
    })
    .where(eq(update.id, row.id))
    .returning()
  return kept ?? row
}

/** Takes an update out of the flow: obsolete or unpushed, and its builds out of testing. */
export async function endUpdate(
  tx: Tx,
  ctx: Ctx,
  row: UpdateRow,
  status: 'obsolete' | 'unpushed',
  set: Partial<typeof update.$inferInsert> = {},
): Promise<void> {
  await tx
    .update(update)
    .set({ status, request: null, modified_at: ctx.app.clock.now(), ...set })
    .where(eq(update.id, row.id))
  await tx
    .update(update_build)
    .set({ live_build_id: null })
    .where(eq(update_build.update_id, row.id))
  if (row.status === 'testing')
    for (const { build } of await buildsOfUpdates(tx, [row.id]))
      await untagBuild(tx, ctx, releaseTags(row.release).testing, build)
  await emit(tx, ctx, `update.${status}`, `update:${row.alias}`, { title: row.title })
}
