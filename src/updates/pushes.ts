/**
 * Pushes: collect what is requested, lock it, and record what became of each. The work itself is the
 * `push` task (push-task.ts), in steps that may each be repeated.
 */
import { and, desc, eq, inArray, isNull, lt } from 'drizzle-orm'
import { push, push_update, update } from '../../db/schema/updates.ts'
import { releaseTags } from '../builds/build.ts'
import type { BuildRow } from '../builds/builds.ts'
import { taggedBuilds } from '../builds/tags.ts'
import { getRelease } from '../distribution/releases.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { MINUTE_MS, SECOND_MS } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { decodeCursor, encodeCursor } from '../kernel/http.ts'
import type { Reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { createTask } from '../tasks/tasks.ts'
import { filterUpdates, type UpdateRow } from './queries.ts'

export type PushRow = typeof push.$inferSelect
export type PushUpdateRow = typeof push_update.$inferSelect

/** Steps in their order; `step` of a push names the one that comes next. */
export const pushSteps = [
  'gate',
  'tags',
  'trees',
  'check',
  'announce',
  'switch',
  'statuses',
  'settle',
] as const
export type PushStep = (typeof pushSteps)[number]

/**
 * Begins a push of a release with all that is requested and free, unless one is running.
 * @returns its task, or undefined when there is nothing to push
 */
export async function startPush(ctx: Ctx, release: string, options: { evenEmpty?: boolean } = {}) {
  requireRole(ctx, 'admin', 'admin')
  await getRelease(ctx.app.db, release)
  return transaction(ctx, async (tx) => {
    const running = await runningPush(tx, release)
    if (running) return { push: running, fresh: false }
    const requested = await tx
      .select()
      .from(update)
      .where(filterUpdates({ release, requested: true }))
      .limit(500)
    const seeds = await seedBuilds(tx, release)
    if (requested.length === 0 && seeds.length === 0 && !options.evenEmpty) return undefined
    return { push: await openPush(tx, ctx, release, requested), fresh: true }
  }).catch((error: unknown) => {
    if (error instanceof TaskNotOver) return undefined
    throw error
  })
}

/** The push before is done, but its task has not ended yet; or another worker was quicker. */
class TaskNotOver extends Error {}

async function openPush(tx: Tx, ctx: Ctx, release: string, requested: UpdateRow[]) {
  const [row] = await tx
    .insert(push)
    .values({
      release,
      state: 'running',
      step: 'gate',
      task_id: 0,
      notes: [],
      created_at: ctx.app.clock.now(),
    })
    .returning()
  if (!row) throw new Error('a push was not kept')
  const task = await createTask(tx, ctx, {
    method: 'push',
    label: release,
    payload: { push_id: row.id },
    priority: 5,
    max_attempts: 50,
    unique_key: `push:${release}`,
  })
  // The task of another push would never do this one. The transaction leaves nothing; the next look begins it.
  const payload = task.payload as { push_id: number }
  if (payload.push_id !== row.id) throw new TaskNotOver()
  for (const { id, request } of requested)
    if (request) await tx.insert(push_update).values({ push_id: row.id, update_id: id, request })
  if (requested.length > 0)
    await tx
      .update(update)
      .set({ push_id: row.id, ejected: null })
      .where(
        inArray(
          update.id,
          requested.map((each) => each.id),
        ),
      )
  await tx.update(push).set({ task_id: task.id }).where(eq(push.id, row.id))
  const subject = `push:${row.id}`
  await audit(tx, ctx, { action: 'push.started', subject, details: { release } })
  await emit(tx, ctx, 'push.started', subject, { release, updates: requested.length })
  return { ...row, task_id: task.id }
}

export async function runningPush(db: Reader, release: string): Promise<PushRow | undefined> {
  const [row] = await db
    .select()
    .from(push)
    .where(and(eq(push.release, release), eq(push.state, 'running')))
  return row
}

/** Seeds of a pending release that wait for stable. */
export async function seedBuilds(db: Reader, release: string): Promise<BuildRow[]> {
  if ((await getRelease(db, release)).state !== 'pending') return []
  const builds = await taggedBuilds(db, releaseTags(release).candidate)
  return builds.filter((build) => build.bootstrap)
}

/** Begins the pushes that are due by the distribution's interval. */
export async function startDuePushes(ctx: Ctx): Promise<void> {
  const { app } = ctx
  for (const { name } of app.distribution.releases) {
    const [last] = await app.db
      .select()
      .from(push)
      .where(eq(push.release, name))
      .orderBy(desc(push.id))
      .limit(1)
    // The first push is empty, so that clients find every repository from the start.
    if (!last) await startPush(ctx, name, { evenEmpty: true })
    else if (last.state !== 'running' && app.clock.now() >= (await dueAt(ctx, name, last)))
      await startPush(ctx, name)
  }
}

/** Seeds go out as they come: a release that is being born has nobody to disturb. */
const SEED_INTERVAL_MS = 10 * SECOND_MS

async function dueAt(ctx: Ctx, release: string, last: PushRow): Promise<number> {
  const { db, distribution } = ctx.app
  const every_ms = distribution.pushes.every_minutes * MINUTE_MS
  const seeds = (await seedBuilds(db, release)).length > 0
  return last.created_at + (seeds ? Math.min(every_ms, SEED_INTERVAL_MS) : every_ms)
}

/** Updates of a push, with what was asked for each. */
export async function pushedUpdates(db: Reader, push_id: number) {
  return db
    .select({ entry: push_update, update })
    .from(push_update)
    .innerJoin(update, eq(update.id, push_update.update_id))
    .where(eq(push_update.push_id, push_id))
    .orderBy(push_update.id)
}

/** Sends an update back out of its push, with the reasons; the rest goes on. */
export async function ejectUpdate(
  tx: Tx,
  ctx: Ctx,
  push_id: number,
  row: UpdateRow,
  reasons: Reason[],
): Promise<void> {
  await tx
    .update(push_update)
    .set({ ejected: reasons })
    .where(and(eq(push_update.push_id, push_id), eq(push_update.update_id, row.id)))
  await tx
    .update(update)
    .set({ push_id: null, request: null, ejected: reasons })
    .where(and(eq(update.id, row.id), eq(update.push_id, push_id)))
  await emit(tx, ctx, 'update.ejected', `update:${row.alias}`, {
    push_id,
    submitter_id: row.submitter_id,
    reasons,
  })
}

/** Moves a push to its next step, in the transaction of the step's effects. */
export async function advancePush(tx: Tx, push_id: number, step: PushStep): Promise<void> {
  await tx.update(push).set({ step }).where(eq(push.id, push_id))
}

/** @throws PortalError not-found */
export async function getPush(db: Reader, id: number): Promise<PushRow> {
  const [row] = await db.select().from(push).where(eq(push.id, id))
  if (!row) throw new PortalError('not-found')
  return row
}

/** Newest first. */
export function listPushes(
  db: Reader,
  before: number | undefined,
  limit: number,
  release?: string,
): Promise<PushRow[]> {
  return db
    .select()
    .from(push)
    .where(
      and(
        before === undefined ? undefined : lt(push.id, before),
        release === undefined ? undefined : eq(push.release, release),
      ),
    )
    .orderBy(desc(push.id))
    .limit(limit)
}

/** Unlocks whatever a push that gave up still holds; its updates keep their requests. */
export async function abandonPush(tx: Tx, ctx: Ctx, push_id: number): Promise<void> {
  const [row] = await tx
    .update(push)
    .set({ state: 'failed', ended_at: ctx.app.clock.now() })
    .where(and(eq(push.id, push_id), eq(push.state, 'running'), isNull(push.ended_at)))
    .returning()
  if (!row) return
  await tx.update(update).set({ push_id: null }).where(eq(update.push_id, push_id))
  await emit(tx, ctx, 'push.failed', `push:${push_id}`, { release: row.release })
}

/** A push with its updates and what came of each. @throws PortalError not-found */
export async function viewPush(ctx: Ctx, id: number) {
  const row = await getPush(ctx.app.db, id)
  return { push: row, updates: await pushedUpdates(ctx.app.db, id) }
}

/** Pushes that are being made now, of any release. */
export function runningPushes(db: Reader): Promise<PushRow[]> {
  return db.select().from(push).where(eq(push.state, 'running')).limit(20)
}

/** A release's last finished push, the one that runs, and one that failed with none finished after it. */
export async function pushStanding(db: Reader, release: string) {
  const newest = async (state: PushRow['state']) => {
    const of = and(eq(push.release, release), eq(push.state, state))
    const [row] = await db.select().from(push).where(of).orderBy(desc(push.id)).limit(1)
    return row
  }
  const done = await newest('done')
  const failed = await newest('failed')
  const ended = (row: PushRow | undefined) =>
    row && { id: row.id, ended_at: row.ended_at ?? row.created_at }
  return {
    last_done: ended(done),
    failed: ended(failed && (!done || failed.id > done.id) ? failed : undefined),
    running: await newest('running'),
  }
}

/** Newest first, as pages list them. */
export async function pagePushes(
  ctx: Ctx,
  input: { release?: string | undefined; cursor?: string | undefined; limit: number },
): Promise<{ items: PushRow[]; next: string | null }> {
  const before = decodeCursor(input.cursor)
  const rows = await listPushes(ctx.app.db, before, input.limit + 1, input.release)
  const items = rows.slice(0, input.limit)
  const last = items.at(-1)
  return { items, next: rows.length > input.limit && last ? encodeCursor(last.id) : null }
}
