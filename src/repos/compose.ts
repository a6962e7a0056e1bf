/**
 * Makes the next generation of a repository beside the published one: packages linked into the tree
 * (clients do not see them before the metadata names them), metadata in a folder of its own.
 */
import { execFile } from 'node:child_process'
import { link, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { and, eq } from 'drizzle-orm'
import { generation } from '../../db/schema/repos.ts'
import { dataPath } from '../kernel/config.ts'
import type { App } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import type { GenerationRow, PlacedRpm, RepositoryRow } from './repositories.ts'
import { packageHref } from './repository.ts'
import { digestFile, storedPath } from './store.ts'

const run = promisify(execFile)
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024

export const publishedRoot = (app: App, row: RepositoryRow) => dataPath(app.config, 'pub', row.path)

/** Where a push prepares a repository's metadata. */
export function stagedRepodata(app: App, push_id: number, row: RepositoryRow): string {
  return dataPath(app.config, 'work', `push-${push_id}`, String(row.id), 'repodata')
}

/** Clears a push's folder, once nothing of it is needed any more. */
export async function removeStage(app: App, push_id: number): Promise<void> {
  await rm(dataPath(app.config, 'work', `push-${push_id}`), { recursive: true, force: true })
}

/** Makes a hard link; one that is there already is the same file, for names are never used twice. */
export async function linkOnce(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

export interface Draft {
  repository: RepositoryRow
  rpms: PlacedRpm[]
  /** updateinfo.xml, or nothing where there is no advisory. */
  updateinfo: string | undefined
  push_id: number
}

/** What a draft will be as a row, once it is made. */
export type NewGeneration = Omit<typeof generation.$inferInsert, 'id' | 'created_at'>

/** Links packages and writes metadata. May be done again from the start at any time. */
export async function composeRepository(app: App, draft: Draft): Promise<NewGeneration> {
  const { repository, rpms, push_id } = draft
  const tree = publishedRoot(app, repository)
  const repodata = stagedRepodata(app, push_id, repository)
  const stage = dirname(repodata)
  await rm(stage, { recursive: true, force: true })
  await mkdir(stage, { recursive: true })
  const hrefs = await linkPackages(app, tree, rpms)
  const list = join(stage, 'packages.list')
  await writeFile(list, hrefs.map((href) => `${href}\n`).join(''))
  await run(
    'createrepo_c',
    [
      ...['--quiet', '--no-database', '--unique-md-filenames', '--checksum', 'sha256'],
      ...['--pkglist', list, '--outputdir', stage, '--revision', String(push_id)],
      ...['--cachedir', dataPath(app.config, 'work', 'createrepo-cache'), tree],
    ],
    { maxBuffer: MAX_OUTPUT_BYTES },
  )
  if (draft.updateinfo !== undefined) await addUpdateinfo(stage, repodata, draft.updateinfo)
  return describeStage(repodata, draft)
}

async function linkPackages(app: App, tree: string, rpms: PlacedRpm[]): Promise<string[]> {
  const hrefs: string[] = []
  await mkdir(tree, { recursive: true })
  for (const { rpm } of rpms) {
    const href = packageHref(rpm.filename)
    await mkdir(dirname(join(tree, href)), { recursive: true })
    await linkOnce(storedPath(app, rpm), join(tree, href))
    hrefs.push(href)
  }
  return hrefs
}

async function addUpdateinfo(stage: string, repodata: string, xml: string): Promise<void> {
  const file = join(stage, 'updateinfo.xml')
  await writeFile(file, xml)
  await run('modifyrepo_c', ['--mdtype=updateinfo', '--compress-type=gz', file, repodata], {
    maxBuffer: MAX_OUTPUT_BYTES,
  })
}

async function describeStage(repodata: string, draft: Draft): Promise<NewGeneration> {
  const repomd = join(repodata, 'repomd.xml')
  const text = await readFile(repomd, 'utf8')
  const timestamps = Array.from(text.matchAll(/<timestamp>(\d+)/g), (match) => Number(match[1]))
  const [md5, sha1, sha256, sha512] = await Promise.all(
    ['md5', 'sha1', 'sha256', 'sha512'].map((algorithm) => digestFile(repomd, algorithm)),
  )
  return {
    repository_id: draft.repository.id,
    timestamp_s: Math.max(0, ...timestamps),
    size_bytes: (await stat(repomd)).size,
    hashes: { md5: md5 ?? '', sha1: sha1 ?? '', sha256: sha256 ?? '', sha512: sha512 ?? '' },
    files: (await readdir(repodata)).filter((name) => name !== 'repomd.xml'),
    rpm_ids: draft.rpms.map(({ rpm }) => rpm.id),
    push_id: draft.push_id,
  }
}

/** Keeps the row of a draft; a draft made again takes the place of its first row. */
export async function keepGeneration(
  tx: Tx,
  values: NewGeneration,
  now: number,
): Promise<GenerationRow> {
  await tx
    .delete(generation)
    .where(
      and(
        eq(generation.push_id, values.push_id),
        eq(generation.repository_id, values.repository_id),
      ),
    )
  const [row] = await tx
    .insert(generation)
    .values({ ...values, created_at: now })
    .returning()
  if (!row) throw new Error('a generation was not kept')
  return row
}
