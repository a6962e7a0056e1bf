/**
 * Switches clients to a new generation so that none ever sees half of one. On disk, in a repository's folder:
 *
 *     .generations/<SHA-256 of repomd.xml>/repodata/…   one generation's metadata and its signature, whole
 *     .generations/<SHA-256 of repomd.xml>/Packages     -> ../../Packages
 *     repodata                                          -> .generations/<SHA-256 of repomd.xml>/repodata
 *
 * The order is the point:
 *
 * 1. `prepareGeneration`: the new generation's folder is made under another name and renamed when it is whole;
 *    nothing leads to it yet;
 * 2. `publishDrafts`, in one transaction for all repositories of a push, with its tags, advisories and statuses:
 *    the database names the new repomd.xml as current and the old as an alternate; the metalink leads to the
 *    generation's own folder, so whoever follows it reads one generation from first to last. This is the commit
 *    point: before it a push can be undone, after it only completed;
 * 3. `switchGeneration`: the link `repodata` is replaced by rename, once edges, which answer from snapshots,
 *    have heard of it: repomd.xml and its signature change in one instant for those who read without a metalink.
 *
 * Each step may be repeated after a crash. What the database names is the truth; links follow it.
 */

import { mkdir, readlink, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { and, eq, gt, isNull } from 'drizzle-orm'
import { generation, repository } from '../../db/schema/repos.ts'
import type { App } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { flush, makeFolder } from '../kernel/durable.ts'
import { newHex } from '../kernel/random.ts'
import { signDetached } from '../kernel/signing.ts'
import { currentGeneration, linkOnce, publishedRoot, stageOf } from './compose.ts'
import { applyPlan } from './drafts.ts'
import { draftedGenerations, type GenerationRow, type RepositoryRow } from './repositories.ts'
import { generationPath } from './repository.ts'
import { exists } from './store.ts'

const folderOf = (app: App, row: RepositoryRow, sha256: string) =>
  join(publishedRoot(app, row), generationPath(sha256))

/** Step 1 for one repository: whole under its name, or not there. */
export async function prepareGeneration(
  app: App,
  row: RepositoryRow,
  next: GenerationRow,
): Promise<void> {
  const folder = folderOf(app, row, next.hashes.sha256)
  if (await exists(folder)) return
  const staged = join(stageOf(app, next.push_id, next.attempt, row), 'repodata')
  const part = `${folder}.${newHex(app.random, 8)}.part`
  const repodata = join(part, 'repodata')
  await makeFolder(join(folder, '..'))
  await mkdir(repodata, { recursive: true })
  await symlink(join('..', '..', 'Packages'), join(part, 'Packages'))
  for (const file of [...next.files, 'repomd.xml'])
    await linkOnce(join(staged, file), join(repodata, file))
  const signature = await signDetached(app, join(repodata, 'repomd.xml'))
  await writeFile(join(repodata, 'repomd.xml.asc'), signature, { flush: true })
  await flush(repodata)
  await flush(part)
  await flush(join(publishedRoot(app, row), 'Packages'))
  await rename(part, folder)
  await flush(join(folder, '..'))
}

/**
 * Step 2 for all repositories of a push, in the transaction that publishes it.
 * @param digest of what placed the release's packages
 */
export async function publishDrafts(
  tx: Tx,
  push_id: number,
  release: string,
  digest: string,
  now: number,
): Promise<void> {
  for (const { repository: row, generation: next } of await draftedGenerations(tx, push_id)) {
    await applyPlan(tx, push_id, next)
    await tx
      .update(generation)
      .set({ published_at: now })
      .where(and(eq(generation.id, next.id), isNull(generation.published_at)))
    await tx.update(repository).set({ generation_id: next.id }).where(eq(repository.id, row.id))
  }
  await tx.update(repository).set({ placement: digest }).where(eq(repository.release, release))
}

/**
 * Step 3 for one repository: its link leads to what the database names, also when that becomes another while
 * this runs. @returns whether the link was another one
 */
export async function switchGeneration(app: App, repository_id: number): Promise<boolean> {
  let changed = false
  for (;;) {
    const row = await readRepository(app, repository_id)
    const current = await currentGeneration(app.db, row)
    if (!current) return changed
    const to = join(generationPath(current.hashes.sha256), 'repodata')
    const link = join(publishedRoot(app, row), 'repodata')
    if ((await readlink(link).catch(() => undefined)) === to) return changed
    await replaceLink(app, to, link)
    changed = true
  }
}

async function readRepository(app: App, id: number): Promise<RepositoryRow> {
  const [row] = await app.db.select().from(repository).where(eq(repository.id, id))
  if (!row) throw new Error(`repository ${id} is gone`)
  return row
}

/**
 * Leads every repository's link to what the database names. A program that was stopped for long between its
 * look and its rename may have set one back.
 * @param except releases whose push is just about to do it, in its own time
 */
export async function mendLinks(app: App, except: string[]): Promise<void> {
  const rows = await app.db.select().from(repository).where(gt(repository.generation_id, 0))
  for (const row of rows)
    if (!except.includes(row.release) && (await switchGeneration(app, row.id)))
      app.log.warn({ repository: row.path }, 'the link of a repository led elsewhere')
}

/** Points a link elsewhere: those who follow it come to the old place or to the new one. */
async function replaceLink(app: App, to: string, link: string): Promise<void> {
  const part = `${link}.${newHex(app.random, 8)}.part`
  await symlink(to, part)
  await rename(part, link)
  await flush(join(link, '..'))
}
