/** What builders send: which task each file came for, how much a task may bring, and how long it stays. */
import { and, asc, count, eq, gt, inArray, lt, notInArray, or, sum } from 'drizzle-orm'
import { alias } from 'drizzle-orm/sqlite-core'
import { task, upload } from '../../db/schema/tasks.ts'
import { purgeBlobs } from '../kernel/blobs.ts'
import { AT_ONCE, chunks } from '../kernel/chunks.ts'
import { DAY_MS } from '../kernel/clock.ts'
import type { App, Ctx } from '../kernel/context.ts'
import { PortalError } from '../kernel/errors.ts'
import { transaction } from '../kernel/transaction.ts'
import { ENDED_STATES } from './task.ts'

/** A task that brings more is none that anybody asked for. */
export const MAX_FILES = 10_000
const MAX_BYTES = 64 * 1024 ** 3

export interface UploadedFile {
  filename: string
  sha256: string
}

/** @throws PortalError input.too-large when a task has brought as much as one may */
export async function assertRoom(app: App, task_id: number): Promise<void> {
  const [held] = await app.db
    .select({ files: count(), bytes: sum(upload.size_bytes) })
    .from(upload)
    .where(eq(upload.task_id, task_id))
  if ((held?.files ?? 0) >= MAX_FILES)
    throw new PortalError('input.too-large', { params: { limit: `${MAX_FILES} files a task` } })
  if (Number(held?.bytes ?? 0) >= MAX_BYTES)
    throw new PortalError('input.too-large', { params: { limit: '64 GiB a task' } })
}

/** Notes a file whose bytes are in incoming/; one that is sent again takes its earlier place. */
export async function recordUpload(
  ctx: Ctx,
  task_id: number,
  file: UploadedFile & { size_bytes: number },
): Promise<void> {
  const row = { task_id, ...file, created_at: ctx.app.clock.now() }
  await transaction(ctx, (tx) =>
    tx
      .insert(upload)
      .values(row)
      .onConflictDoUpdate({ target: [upload.task_id, upload.filename], set: row }),
  )
}

/** A result may name what its own task has sent, and nothing else. @throws PortalError task.not-sent */
export async function assertUploaded(
  app: App,
  task_id: number,
  files: UploadedFile[],
): Promise<void> {
  const sent = await app.db
    .select({ filename: upload.filename, sha256: upload.sha256 })
    .from(upload)
    .where(eq(upload.task_id, task_id))
    .limit(MAX_FILES + 1)
  const known = new Map(sent.map((each) => [each.filename, each.sha256]))
  const strange = files.find((each) => known.get(each.filename) !== each.sha256)
  if (strange) throw new PortalError('task.not-sent', { params: { filename: strange.filename } })
}

/** Digests that a task's payload or result names, wherever in it. */
export function digestsIn(value: unknown, found = new Set<string>()): Set<string> {
  if (Array.isArray(value)) for (const each of value) digestsIn(each, found)
  else if (typeof value === 'object' && value !== null)
    for (const [key, each] of Object.entries(value))
      if (key === 'sha256' && typeof each === 'string') found.add(each)
      else digestsIn(each, found)
  return found
}

/** What tasks that have not ended name, or parts of such tasks: a build's import comes after its parts. */
export async function neededDigests(app: App): Promise<Set<string>> {
  const parent = alias(task, 'parent')
  const needed = new Set<string>()
  for (let after = 0; ; ) {
    const rows = await app.db
      .select({ id: task.id, payload: task.payload, result: task.result })
      .from(task)
      .leftJoin(parent, eq(parent.id, task.parent_id))
      .where(
        and(
          gt(task.id, after),
          or(notInArray(task.state, ENDED_STATES), notInArray(parent.state, ENDED_STATES)),
        ),
      )
      .orderBy(asc(task.id))
      .limit(AT_ONCE)
    for (const row of rows) digestsIn([row.payload, row.result], needed)
    const last = rows.at(-1)
    if (!last) break
    after = last.id
  }
  return needed
}

/** Digests of files that were sent for tasks that have not ended. */
async function openUploads(app: App): Promise<string[]> {
  const rows = await app.db
    .select({ sha256: upload.sha256 })
    .from(upload)
    .innerJoin(task, eq(task.id, upload.task_id))
    .where(notInArray(task.state, ENDED_STATES))
  return rows.map((row) => row.sha256)
}

/**
 * Removes files that builders sent a day ago or longer and that nobody needs any more: those of a task or
 * build that has not ended stay, however old.
 */
export async function purgeIncoming(ctx: Ctx): Promise<void> {
  const { app } = ctx
  const before = app.clock.now() - DAY_MS
  const needed = await neededDigests(app)
  for (const sha256 of await openUploads(app)) needed.add(sha256)
  const gone = await purgeBlobs(app.config, 'incoming', before, (sha256) => needed.has(sha256))
  for (const part of chunks(gone))
    await transaction(ctx, (tx) =>
      tx.delete(upload).where(and(inArray(upload.sha256, part), lt(upload.created_at, before))),
    )
}
