/** What is offered for download, as the composes emitted it; and the removal of what is offered no longer. */
import { eq } from 'drizzle-orm'
import { image } from '../../db/schema/downloads.ts'
import { listReleases } from '../distribution/releases.ts'
import { HOUR_MS } from '../kernel/clock.ts'
import type { App, Ctx } from '../kernel/context.ts'
import { transaction } from '../kernel/transaction.ts'
import { reasonJson, type Translate } from '../kernel/words.ts'
import { isPublic } from '../repos/embargo.ts'
import type { ImageFacts } from './facts.ts'
import { removeComposeStage, removeGone, removePublished, stagedComposes } from './places.ts'
import { type ImageRow, offeredImages, removableImages, runningOf } from './queries.ts'

export type { ImageFacts, VerifyStep } from './facts.ts'
export type { ImageRow } from './queries.ts'

export interface Offer {
  /** What someone with one minute should take: the newest image of a current release's first arch. */
  recommended: ImageRow | undefined
  /** The newest compose of each release, all arches, the recommended first. */
  current: ImageRow[]
  /** Earlier composes that are kept. */
  earlier: ImageRow[]
}

/** A release that people run comes before one that is being made or is over; then the newer one. */
const STATES = ['archived', 'pending', 'frozen', 'current']

/** Images that are offered, sorted for those who choose. */
export async function offeredDownloads(ctx: Ctx): Promise<Offer> {
  const releases = (await listReleases(ctx)).sort(
    (a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state) || a.id - b.id,
  )
  const rank = (row: ImageRow) => releases.findIndex(({ name }) => name === row.release)
  const all = await offeredImages(ctx.app.db)
  const open = await Promise.all(all.map(({ path }) => isPublic(ctx.app, path)))
  const rows = all.filter((_, at) => open[at])
  const newest = new Map<string, number>()
  for (const row of rows) if (!newest.has(row.release)) newest.set(row.release, row.compose_id)
  const current = rows
    .filter((row) => newest.get(row.release) === row.compose_id)
    .sort((a, b) => rank(b) - rank(a) || a.id - b.id)
  const earlier = rows.filter((row) => !current.includes(row))
  return { recommended: current[0], current, earlier }
}

/** An image as JSON: what the compose emitted, its notes with their sentences. */
export function imageJson(t: Translate, facts: ImageFacts) {
  return {
    ...facts,
    notes: facts.notes.map((each) => reasonJson(t, each)),
  }
}

/**
 * Removes the files of images that were withdrawn longer than the grace ago, and what ended composes have
 * left in their folders of work.
 */
export async function removeWithdrawn(ctx: Ctx): Promise<void> {
  const { app } = ctx
  const grace_ms = app.distribution.images.grace_hours * HOUR_MS
  for (const row of await removableImages(app.db, app.clock.now() - grace_ms)) {
    await removePublished(app, row.path)
    await removePublished(app, row.tree_path)
    await transaction(ctx, (tx) =>
      tx.update(image).set({ removed_at: app.clock.now() }).where(eq(image.id, row.id)),
    )
  }
  await removeGone(app)
  await removeStages(app)
}

async function removeStages(app: App): Promise<void> {
  const staged = await stagedComposes(app)
  const running = await runningOf(app.db, staged)
  for (const id of staged) if (!running.includes(id)) await removeComposeStage(app, id)
}
