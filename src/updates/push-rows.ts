/** The rows of pushes: read, moved from step to step, and what happens to one update in them. */
import { and, desc, eq, isNull, lt } from 'drizzle-orm'
import { push, push_update, update } from '../../db/schema/updates.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import type { Reason } from '../kernel/reason.ts'
import { createTask, type TaskRow } from '../tasks/tasks.ts'
import type { PushStep } from './push.ts'
import type { UpdateRow } from './queries.ts'

export type PushRow = typeof push.$inferSelect

export type PushUpdateRow = typeof push_update.$inferSelect

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

export async function runningPush(db: Reader, release: string): Promise<PushRow | undefined> {
  const [row] = await db
    .select()
    .from(push)
    .where(and(eq(push.release, release), eq(push.state, 'running')))
  return row
}

/** Pushes that are being made now, of any release. */
export function runningPushes(db: Reader): Promise<PushRow[]> {
  return db.select().from(push).where(eq(push.state, 'running')).limit(20)
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

/** Thrown where a push is not, or no longer, at the step that its holder does: what it says now counts. */
export class PushMoved extends Error {}

/**
 * Moves a push to its next step, in the transaction of the step's effects.
 * @throws PushMoved when somebody has sent it elsewhere meanwhile
 */
export async function advancePush(
  tx: Tx,
  push_id: number,
  from: PushStep,
  to: PushStep,
  set: Partial<typeof push.$inferInsert> = {},
): Promise<void> {
  const moved = await tx
    .update(push)
    .set({ ...set, step: to })
    .where(and(eq(push.id, push_id), eq(push.step, from), eq(push.state, 'running')))
    .returning({ id: push.id })
  if (moved.length === 0) throw new PushMoved(`push ${push_id} is no longer at ${from}`)
}

/** Sends a push that is not published back to its first step. @returns false when it is published or over */
export async function restartPush(tx: Tx, push_id: number): Promise<boolean> {
  const moved = await tx
    .update(push)
    .set({ step: 'gate' })
    .where(and(eq(push.id, push_id), eq(push.state, 'running'), isNull(push.published_at)))
    .returning({ id: push.id })
  return moved.length > 0
}

/** Notes something for people, once however often the step is done. */
export async function addNote(tx: Tx, row: PushRow, note: Reason): Promise<void> {
  const { notes } = await getPush(tx, row.id)
  const others = notes.filter((each) => JSON.stringify(each) !== JSON.stringify(note))
  await tx
    .update(push)
    .set({ notes: [...others, note] })
    .where(eq(push.id, row.id))
}

/** The task that does a push; of a release only one has not ended. */
export function queuePush(tx: Tx, ctx: Ctx, row: PushRow): Promise<TaskRow> {
  return createTask(tx, ctx, {
    method: 'push',
    label: row.release,
    payload: { push_id: row.id },
    priority: 5,
    max_attempts: 50,
    unique_key: `push:${row.release}`,
  })
}

/** One settling of a release waits at a time; it looks at everything. */
export function queueSettling(tx: Tx, ctx: Ctx, release: string): Promise<TaskRow> {
  return createTask(tx, ctx, {
    method: 'settlePush',
    label: release,
    payload: { release },
    unique_key: `settle:${release}`,
  })
}
