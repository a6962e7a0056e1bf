/** Source packages that people upload: bounded by person, kept as long as something may be built from them. */
import { eq, inArray, sum } from 'drizzle-orm'
import { source_upload } from '../../db/schema/builds.ts'
import { holdPerson } from '../accounts/people.ts'
import { requirePerson, requireRole } from '../kernel/access.ts'
import { type Blob, purgeBlobs, putBlob } from '../kernel/blobs.ts'
import { chunks } from '../kernel/chunks.ts'
import { DAY_MS } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { transaction } from '../kernel/transaction.ts'
import { neededDigests } from '../tasks/uploads.ts'
import { MAX_SRPM_BYTES } from './sources.ts'

/** Whoever uploads builds soon; a build that has not ended keeps its source however old it is. */
const KEPT_MS = 30 * DAY_MS
const MIB = 1024 ** 2

/**
 * Keeps what a packager uploads.
 * @param announced what the request says of it
 * @throws PortalError upload.quota, input.too-large, task.output-mismatch, account.*
 */
export async function takeUpload(
  ctx: Ctx,
  bytes: AsyncIterable<Uint8Array>,
  announced: { sha256?: string | undefined; size_bytes?: number | undefined },
): Promise<Blob> {
  requireRole(ctx, 'packager', 'package')
  const { app } = ctx
  if (ctx.actor.kind === 'system')
    return putBlob(app, 'sources', bytes, { ...announced, max_bytes: MAX_SRPM_BYTES })
  const { id: person_id } = requirePerson(ctx)
  const left = await bytesLeft(ctx, app.db, person_id)
  if ((announced.size_bytes ?? 1) > left) throw overQuota(ctx, left)
  const max_bytes = Math.min(left, MAX_SRPM_BYTES)
  const blob = await putBlob(app, 'sources', bytes, { ...announced, max_bytes }).catch((error) => {
    const cut = error instanceof PortalError && error.code === 'input.too-large'
    throw cut && left < MAX_SRPM_BYTES ? overQuota(ctx, left) : error
  })
  await transaction(ctx, async (tx) => {
    await holdPerson(tx, person_id)
    // Several that came at once each saw the same that was left.
    const still = await bytesLeft(ctx, tx, person_id)
    if (blob.size_bytes > still) throw overQuota(ctx, still)
    await tx.insert(source_upload).values({ person_id, ...blob, created_at: app.clock.now() })
  })
  return blob
}

async function bytesLeft(ctx: Ctx, db: Reader, person_id: number): Promise<number> {
  const [have] = await db
    .select({ bytes: sum(source_upload.size_bytes) })
    .from(source_upload)
    .where(eq(source_upload.person_id, person_id))
  return ctx.app.config.upload_quota_mib * MIB - Number(have?.bytes ?? 0)
}

const overQuota = ({ app }: Ctx, left: number) =>
  new PortalError('upload.quota', {
    params: {
      left_mib: Math.max(0, Math.floor(left / MIB)),
      quota_mib: app.config.upload_quota_mib,
      days: KEPT_MS / DAY_MS,
    },
  })

/** Removes uploads and other sources that are old and that no task needs which has not ended. */
export async function purgeSources(ctx: Ctx): Promise<void> {
  const { app } = ctx
  const needed = await neededDigests(app)
  const before = app.clock.now() - KEPT_MS
  const gone = await purgeBlobs(app.config, 'sources', before, (sha256) => needed.has(sha256))
  for (const part of chunks(gone))
    await transaction(ctx, (tx) =>
      tx.delete(source_upload).where(inArray(source_upload.sha256, part)),
    )
}
