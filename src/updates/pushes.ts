/**
 * Pushes: collect what is requested, lock it, and show what became of each. The work itself is the `push` task
 * (push-task.ts), in steps that may each be repeated.
 */
import { and, desc, eq, inArray } from 'drizzle-orm'
import { push, push_update, update } from '../../db/schema/updates.ts'
import { releaseTags } from '../builds/build.ts'
import type { BuildRow } from '../builds/builds.ts'
import { bootstrapBuilds } from '../builds/tag-moves.ts'
import { getRelease } from '../distribution/releases.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { MINUTE_MS, SECOND_MS } from '../kernel/clock.ts'
import type { App, Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { emit } from '../kernel/events.ts'
import { decodeCursor, encodeCursor } from '../kernel/http.ts'
import { must } from '../kernel/must.ts'
import { transaction } from '../kernel/transaction.ts'
import { mendLinks } from '../repos/publish.ts'
import { getTask } from '../tasks/tasks.ts'
import {
  getPush,
  listPushes,
  type PushRow,
  pushedUpdates,
  queuePush,
  runningPush,
  runningPushes,
} from './push-rows.ts'
import { filterUpdates, type UpdateRow } from './queries.ts'

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
    const seeds = await seedBuilds(tx, release, 1)
    if (requested.length === 0 && seeds.length === 0 && !options.evenEmpty) return undefined
    const opened = await openPush(tx, ctx, release, requested)
    if (opened) return { push: opened, fresh: true }
    // Somebody was quicker, since this looked.
    const other = await runningPush(tx, release)
    return other && { push: other, fresh: false }
  }).catch((error: unknown) => {
    if (error instanceof TaskNotOver) return undefined
    throw error
  })
}

/** The push before is done, but its task has not ended yet. */
class TaskNotOver extends Error {}

/** @returns undefined where one of the release is running */
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
    .onConflictDoNothing()
    .returning()
  if (!row) return undefined
  const task = await queuePush(tx, ctx, row)
  // The task of another push would never do this one. The transaction leaves nothing; the next look begins it.
  const payload = task.payload as { push_id: number }
  if (payload.push_id !== row.id) throw new TaskNotOver()
  const entries = requested.map(({ id, request }) => ({
    ...{ push_id: row.id, update_id: id, request: must(request, 'the request of an update') },
  }))
  if (entries.length > 0) await tx.insert(push_update).values(entries)
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

/** Seeds of a pending release that wait for stable. */
export async function seedBuilds(db: Reader, release: string, limit?: number): Promise<BuildRow[]> {
  if ((await getRelease(db, release)).state !== 'pending') return []
  return bootstrapBuilds(db, releaseTags(release).candidate, limit)
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
  const seeds = (await seedBuilds(db, release, 1)).length > 0
  return last.created_at + (seeds ? Math.min(every_ms, SEED_INTERVAL_MS) : every_ms)
}

/** A push with its updates and what came of each, and what its task says. @throws PortalError not-found */
export async function viewPush(ctx: Ctx, id: number) {
  const row = await getPush(ctx.app.db, id)
  const task = await getTask(ctx.app.db, row.task_id)
  return {
    push: row,
    updates: await pushedUpdates(ctx.app.db, id),
    task,
    /** Why its step did not succeed the last time. */
    broken: row.state === 'running' ? (task?.reason ?? null) : null,
    may_undo: row.state === 'running' && row.published_at === null,
  }
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

/** Leads links of repositories to what is published, where no push is about to do it. */
export async function mendPublished(app: App): Promise<void> {
  const running = await runningPushes(app.db)
  await mendLinks(
    app,
    running.map(({ release }) => release),
  )
}
