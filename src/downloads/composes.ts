/**
 * Composes: begin one, look at them, let one go. The work itself is the `compose` task (compose-task.ts), in
 * steps that may each be repeated.
 */
import { and, eq, inArray, isNull } from 'drizzle-orm'
import { compose, image } from '../../db/schema/downloads.ts'
import { seedProgress } from '../builds/requests.ts'
import { getRelease } from '../distribution/releases.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { decodeCursor, encodeCursor } from '../kernel/http.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { generationsWithRepositories } from '../repos/generations.ts'
import { listRepositories } from '../repos/repositories.ts'
import { createTask } from '../tasks/tasks.ts'
import { runningPush } from '../updates/push-rows.ts'
import { seedBuilds } from '../updates/pushes.ts'
import {
  type ComposeFacts,
  type ComposeStep,
  type ComposeWhy,
  composeWaits,
  mayCompose,
} from './image.ts'
import {
  type ComposeRow,
  composesOf,
  findCompose,
  imagesOfCompose,
  runningCompose,
} from './queries.ts'

export type { ComposeRow } from './queries.ts'

/** The stable repositories of a release's arches with the metadata that clients see now. */
export async function stableNow(db: Reader, release: string) {
  const rows = await listRepositories(db, release)
  const ids = rows
    .filter((row) => row.stage === 'stable' && row.arch !== 'src' && row.generation_id > 0)
    .map((row) => row.generation_id)
  return ids.length > 0 ? generationsWithRepositories(db, ids) : []
}

const packagesIn = (parts: Awaited<ReturnType<typeof stableNow>>) =>
  parts.reduce((sum, { generation }) => sum + generation.packages, 0)

/**
 * Begins a compose of a release, unless one is running.
 * @throws PortalError compose.refused with the reasons when there is nothing to make images of
 */
export async function startCompose(
  ctx: Ctx,
  release: string,
  why: ComposeWhy = 'asked',
): Promise<{ compose: ComposeRow; fresh: boolean }> {
  requireRole(ctx, 'admin', 'admin')
  await getRelease(ctx.app.db, release)
  return transaction(ctx, async (tx) => {
    const running = await runningCompose(tx, release)
    if (running) return { compose: running, fresh: false }
    const packages = packagesIn(await stableNow(tx, release))
    const reasons = mayCompose({ packages })
    if (reasons.length > 0) throw new PortalError('compose.refused', { reasons })
    return { compose: await openCompose(tx, ctx, release, why), fresh: true }
  }).catch(async (error: unknown) => {
    if (!(error instanceof TaskTaken)) throw error
    const quicker = await runningCompose(ctx.app.db, release)
    if (quicker) return { compose: quicker, fresh: false }
    throw new PortalError('compose.refused', { reasons: [reason('compose.ending')] })
  })
}

/** Another process was quicker; or the compose before is done, but its task has not ended yet. */
class TaskTaken extends Error {}

async function openCompose(
  tx: Tx,
  ctx: Ctx,
  release: string,
  why: ComposeWhy,
): Promise<ComposeRow> {
  const [row] = await tx
    .insert(compose)
    .values({
      ...{ release, why, state: 'running', step: 'pick' satisfies ComposeStep, task_id: 0 },
      ...{ generation_ids: [], notes: [], created_at: ctx.app.clock.now() },
    })
    .returning()
  if (!row) throw new Error('a compose was not kept')
  const task = await createTask(tx, ctx, {
    method: 'compose',
    label: release,
    payload: { compose_id: row.id },
    // After pushes and builds: nobody waits for an image as one waits for a fix.
    priority: 30,
    max_attempts: 20,
    unique_key: `compose:${release}`,
  })
  // The task of another compose would never do this one; the transaction leaves nothing.
  if ((task.payload as { compose_id: number }).compose_id !== row.id) throw new TaskTaken()
  await tx.update(compose).set({ task_id: task.id }).where(eq(compose.id, row.id))
  const subject = `compose:${row.id}`
  await audit(tx, ctx, { action: 'compose.started', subject, details: { release, why } })
  await emit(tx, ctx, 'compose.started', subject, { release, why })
  return { ...row, task_id: task.id }
}

/** What decides whether a compose of a release is due. */
async function factsOf(ctx: Ctx, release: string): Promise<ComposeFacts> {
  const { db, clock, distribution } = ctx.app
  const parts = await stableNow(db, release)
  const [last] = await composesOf(db, { release }, 1)
  const running = await runningCompose(db, release)
  const { state } = await getRelease(db, release)
  return {
    now: clock.now(),
    archived: state === 'archived',
    packages: packagesIn(parts),
    seeds_open: await openSeeds(ctx, release),
    pushing: (await runningPush(db, release)) !== undefined,
    running: running?.id,
    generation_ids: parts.map(({ generation }) => generation.id),
    // One that failed has made nothing: what it chose still has no images.
    last: last && {
      created_at: last.created_at,
      generation_ids: last.state === 'failed' ? [] : last.generation_ids,
    },
    every_hours: distribution.images.every_hours,
  }
}

/** First packages of a pending release that are on their way: an image of half of them helps nobody. */
async function openSeeds(ctx: Ctx, release: string): Promise<number> {
  if ((await getRelease(ctx.app.db, release)).state !== 'pending') return 0
  const { built, failed, total } = await seedProgress(ctx)
  return total - built - failed + (await seedBuilds(ctx.app.db, release)).length
}

/** Why no compose of a release begins by itself now. */
export async function waitsForCompose(ctx: Ctx, release: string): Promise<Reason[]> {
  return composeWaits(await factsOf(ctx, release))
}

/** Begins the composes that are due: the first one of a release, later ones when stable has changed. */
export async function queueDueComposes(ctx: Ctx): Promise<void> {
  for (const { name } of ctx.app.distribution.releases) {
    const facts = await factsOf(ctx, name)
    if (composeWaits(facts).length > 0) continue
    await startCompose(ctx, name, facts.last ? 'changed' : 'first').catch((error: unknown) => {
      // The next look begins it.
      if (!(error instanceof PortalError) || error.code !== 'compose.refused') throw error
    })
  }
}

/** Moves a compose to its next step, in the transaction of the step's effects. */
export async function advanceCompose(
  tx: Tx,
  id: number,
  step: ComposeStep,
  changes: Partial<typeof compose.$inferInsert> = {},
): Promise<void> {
  await tx
    .update(compose)
    .set({ ...changes, step })
    .where(eq(compose.id, id))
}

/** A compose whose task gave up or was canceled. */
export async function abandonCompose(tx: Tx, ctx: Ctx, id: number): Promise<void> {
  const [row] = await tx
    .update(compose)
    .set({ state: 'failed', ended_at: ctx.app.clock.now() })
    .where(and(eq(compose.id, id), eq(compose.state, 'running')))
    .returning()
  if (!row) return
  // What has come to its place already is taken away with the others that are offered no longer.
  await tx
    .update(image)
    .set({ withdrawn_at: ctx.app.clock.now() })
    .where(and(eq(image.compose_id, id), isNull(image.published_at)))
  await emit(tx, ctx, 'compose.failed', `compose:${id}`, { release: row.release })
}

/** Takes images beyond the ones to keep out of what is offered; their files stay for a grace. */
export async function withdrawOlder(
  tx: Tx,
  ctx: Ctx,
  release: string,
  keep: number,
): Promise<void> {
  const rows = await tx
    .selectDistinct({ id: image.compose_id })
    .from(image)
    .where(and(eq(image.release, release), isNull(image.withdrawn_at)))
  const older = rows
    .map((row) => row.id)
    .sort((a, b) => b - a)
    .slice(keep)
  if (older.length === 0) return
  await tx
    .update(image)
    .set({ withdrawn_at: ctx.app.clock.now() })
    .where(and(inArray(image.compose_id, older), isNull(image.withdrawn_at)))
  for (const id of older)
    await audit(tx, ctx, { action: 'images.withdrawn', subject: `compose:${id}` })
}

/** @throws PortalError not-found */
export async function getCompose(db: Reader, id: number): Promise<ComposeRow> {
  const row = await findCompose(db, id)
  if (!row) throw new PortalError('not-found')
  return row
}

/** A compose with its images. @throws PortalError not-found */
export async function viewCompose(ctx: Ctx, id: number) {
  const row = await getCompose(ctx.app.db, id)
  return { compose: row, images: await imagesOfCompose(ctx.app.db, id) }
}

/** Newest first. */
export async function pageComposes(
  ctx: Ctx,
  input: { release?: string | undefined; cursor?: string | undefined; limit: number },
): Promise<{ items: ComposeRow[]; next: string | null }> {
  const before = decodeCursor(input.cursor)
  const rows = await composesOf(ctx.app.db, { release: input.release, before }, input.limit + 1)
  const items = rows.slice(0, input.limit)
  const last = items.at(-1)
  return { items, next: rows.length > input.limit && last ? encodeCursor(last.id) : null }
}
