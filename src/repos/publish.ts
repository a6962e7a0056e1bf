/**
 * Switches clients to a new generation so that none ever sees half of one. On disk, in a repository's folder:
 *
 *     .generations/<SHA-256 of repomd.xml>/repodata/…   one generation's metadata and its signature, whole
 *     .generations/<SHA-256 of repomd.xml>/Packages     -> ../../Packages
 *     repodata                                          -> .generations/<SHA-256 of repomd.xml>/repodata
 *
 * The order is the point:
 *
 * 1. the new generation's folder is made under another name and renamed when it is whole;
 * 2. the database names the new repomd.xml as current and the old as an alternate; the metalink leads to
 *    the generation's own folder, so whoever follows it reads one generation from first to last;
 *    the push then waits until edges, which answer from snapshots, have heard of it;
 * 3. the link `repodata` is replaced by rename: repomd.xml and its signature change in one instant for
 *    those who read without a metalink;
 * 4. `settle` removes generations, and packages, that nobody can be reading any more.
 *
 * Each step may be repeated after a crash.
 */
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { and, eq, inArray, isNull } from 'drizzle-orm'
import { rpm } from '../../db/schema/builds.ts'
import { generation, repository } from '../../db/schema/repos.ts'
import { DAY_MS } from '../kernel/clock.ts'
import type { App, Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { newHex } from '../kernel/random.ts'
import { signDetached } from '../kernel/signing.ts'
import { linkOnce, publishedRoot, stagedRepodata } from './compose.ts'
import { type GenerationRow, publishedGenerations, type RepositoryRow } from './repositories.ts'
import { GENERATIONS, generationPath, packageHref } from './repository.ts'
import { exists, flush } from './store.ts'

/** How long a generation stays after its successor came, and the least that stay in any case. */
const KEEP_MS = DAY_MS
const KEEP_LEAST = 2

type InTransaction = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>

/** Steps 1 and 2 for one repository. */
export async function announceGeneration(
  ctx: Ctx,
  row: RepositoryRow,
  next: GenerationRow,
  inTransaction: InTransaction,
): Promise<void> {
  const folder = join(publishedRoot(ctx.app, row), generationPath(next.hashes.sha256))
  if (!(await exists(folder))) await makeFolder(ctx.app, row, next, folder)
  await markPublished(ctx, row, next, inTransaction)
}

/** Step 3 for one repository that was announced. */
export function switchGeneration(app: App, row: RepositoryRow, next: GenerationRow): Promise<void> {
  const current = join(generationPath(next.hashes.sha256), 'repodata')
  return replaceLink(app, current, join(publishedRoot(app, row), 'repodata'))
}

/** A generation's folder: whole under its name, or not there. */
async function makeFolder(app: App, row: RepositoryRow, next: GenerationRow, folder: string) {
  const staged = stagedRepodata(app, next.push_id, row)
  const part = `${folder}.${newHex(app.random, 8)}.part`
  const repodata = join(part, 'repodata')
  await mkdir(repodata, { recursive: true })
  await symlink(join('..', '..', 'Packages'), join(part, 'Packages'))
  for (const file of [...next.files, 'repomd.xml']) {
    await flush(join(staged, file))
    await linkOnce(join(staged, file), join(repodata, file))
  }
  const signature = await signDetached(app, join(repodata, 'repomd.xml'))
  await writeFile(join(repodata, 'repomd.xml.asc'), signature, { flush: true })
  await flush(repodata)
  await flush(part)
  await rename(part, folder)
  await flush(join(folder, '..'))
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

/** Points a link elsewhere: those who follow it come to the old place or to the new one. */
async function replaceLink(app: App, to: string, link: string): Promise<void> {
  const part = `${link}.${newHex(app.random, 8)}.part`
  await symlink(to, part)
  await rename(part, link)
  await flush(join(link, '..'))
}

/** Step 4: removes what no kept generation names, and what a crash left half made. */
export async function settleRepository(app: App, row: RepositoryRow): Promise<void> {
  const root = publishedRoot(app, row)
  const kept = await keptGenerations(app, row)
  const folders = new Set(kept.map((each) => each.hashes.sha256))
  for (const name of await readdir(join(root, GENERATIONS)))
    if (!folders.has(name)) await rm(join(root, GENERATIONS, name), { recursive: true })
  for (const name of await readdir(root)) if (name.endsWith('.part')) await rm(join(root, name))
  await removeOldPackages(app, root, kept)
}

/** A client may go on with a generation that it took while it was current, so the successor's date counts. */
async function keptGenerations(app: App, row: RepositoryRow): Promise<GenerationRow[]> {
  const published = await publishedGenerations(app.db, row.id, 200)
  const since = app.clock.now() - KEEP_MS
  return published.filter(
    (_, at) => at < KEEP_LEAST || (published[at - 1]?.published_at ?? 0) >= since,
  )
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
