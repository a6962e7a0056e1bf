/**
 * Switches clients to a new generation so that none ever sees half of one. The order is the point:
 *
 * 1. data files of the new metadata come in beside the old ones (their names are their digests);
 * 2. the database names the new repomd.xml as current and the old as an alternate, so that a metalink
 *    is right on both sides of the switch; where edges answer from snapshots, the push waits here until
 *    they have heard of it;
 * 3. repomd.xml.asc gets signatures of the new and of the old repomd.xml: whichever of the two a
 *    client has just read, its signature is there;
 * 4. repomd.xml is replaced by rename: this is the switch;
 * 5. a little later `settle` leaves only the new signature, and what no kept generation names goes.
 *
 * Each step may be repeated after a crash.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { and, eq, inArray, isNull } from 'drizzle-orm'
import { rpm } from '../../db/schema/builds.ts'
import { generation, repository } from '../../db/schema/repos.ts'
import { DAY_MS } from '../kernel/clock.ts'
import type { App, Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { newHex } from '../kernel/random.ts'
import { signDetached } from '../kernel/signing.ts'
import { armorSignature } from './armor.ts'
import { linkOnce, publishedRoot, stagedRepodata } from './compose.ts'
import { type GenerationRow, publishedGenerations, type RepositoryRow } from './repositories.ts'
import { packageHref } from './repository.ts'
import { digestFile, exists, flush } from './store.ts'

/** Metadata that clients may still be reading: all of the last day, and always the one before. */
const KEEP_MS = DAY_MS
const KEEP_LEAST = 2

/** Writes a file whole: clients see the old bytes or the new ones. */
async function replaceFile(app: App, path: string, content: string | Buffer): Promise<void> {
  const part = `${path}.${newHex(app.random, 8)}.part`
  await writeFile(part, content, { flush: true })
  await rename(part, path)
}

type InTransaction = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>

/** Steps 1 and 2 for one repository. */
export async function announceGeneration(
  ctx: Ctx,
  row: RepositoryRow,
  next: GenerationRow,
  inTransaction: InTransaction,
): Promise<void> {
  const { app } = ctx
  const repodata = join(publishedRoot(app, row), 'repodata')
  const staged = stagedRepodata(app, next.push_id, row)
  await mkdir(repodata, { recursive: true })
  for (const file of next.files) {
    await flush(join(staged, file))
    await linkOnce(join(staged, file), join(repodata, file))
  }
  await flush(repodata)
  await markPublished(ctx, row, next, inTransaction)
}

/** Steps 3 and 4 for one repository that was announced. */
export async function switchGeneration(
  app: App,
  row: RepositoryRow,
  next: GenerationRow,
): Promise<void> {
  const repodata = join(publishedRoot(app, row), 'repodata')
  const current = join(repodata, 'repomd.xml')
  const exist = await exists(current)
  if (exist && (await digestFile(current)) === next.hashes.sha256) return
  const staged = join(stagedRepodata(app, next.push_id, row), 'repomd.xml')
  const signatures = [await signDetached(app, staged)]
  if (exist) signatures.push(await signDetached(app, current))
  await replaceFile(app, `${current}.asc`, armorSignature(Buffer.concat(signatures)))
  await replaceFile(app, current, await readFile(staged))
  await flush(repodata)
}

async function markPublished(
  ctx: Ctx,
  row: RepositoryRow,
  next: GenerationRow,
  inTransaction: InTransaction,
): Promise<void> {
  await inTransaction(async (tx) => {
    await tx
      .update(generation)
      .set({ published_at: ctx.app.clock.now() })
      .where(and(eq(generation.id, next.id), isNull(generation.published_at)))
    await tx.update(repository).set({ generation_id: next.id }).where(eq(repository.id, row.id))
  })
}

/** Step 5: one signature, and no files that no kept generation names. */
export async function settleRepository(app: App, row: RepositoryRow): Promise<void> {
  const root = publishedRoot(app, row)
  const repodata = join(root, 'repodata')
  const repomd = join(repodata, 'repomd.xml')
  await replaceFile(app, `${repomd}.asc`, armorSignature(await signDetached(app, repomd)))
  const kept = await keptGenerations(app, row)
  const files = new Set(kept.flatMap((each) => each.files))
  for (const file of await readdir(repodata))
    if (!file.startsWith('repomd.xml') && !files.has(file)) await rm(join(repodata, file))
  await removeOldPackages(app, root, kept)
}

async function keptGenerations(app: App, row: RepositoryRow): Promise<GenerationRow[]> {
  const published = await publishedGenerations(app.db, row.id, 200)
  const since = app.clock.now() - KEEP_MS
  return published.filter((each, at) => at < KEEP_LEAST || (each.published_at ?? 0) >= since)
}

async function removeOldPackages(app: App, root: string, kept: GenerationRow[]): Promise<void> {
  const ids = [...new Set(kept.flatMap((each) => each.rpm_ids))]
  const rows = ids.length > 0 ? await app.db.select().from(rpm).where(inArray(rpm.id, ids)) : []
  const wanted = new Set(rows.map((each) => packageHref(each.filename)))
  const letters = await readdir(join(root, 'Packages')).catch(() => [])
  for (const letter of letters)
    for (const file of await readdir(join(root, 'Packages', letter)))
      if (!wanted.has(`Packages/${letter}/${file}`)) await rm(join(root, 'Packages', letter, file))
}
