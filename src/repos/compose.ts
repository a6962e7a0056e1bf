/**
 * Makes the next generation of a repository beside the published one: packages linked into the tree
 * (clients do not see them before the metadata names them), metadata in a folder of its own. What reads
 * packages is confined: they are strangers' bytes, and this program is beside the key.
 */
import { link, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { and, eq, isNull } from 'drizzle-orm'
import { generation } from '../../db/schema/repos.ts'
import { dataPath } from '../kernel/config.ts'
import { runConfined } from '../kernel/confined.ts'
import type { App } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { flush, flushTree, makeFolder } from '../kernel/durable.ts'
import { together } from '../kernel/together.ts'
import { draftFiles } from './drafts.ts'
import type { GenerationRow, RepositoryRow } from './repositories.ts'
import { generationPath, packageHref } from './repository.ts'
import { digestFile, exists, storedPath } from './store.ts'

export const publishedRoot = (app: App, row: RepositoryRow) => dataPath(app.config, 'pub', row.path)

/** A push's folder; what its attempts make lies below. */
export const stageRoot = (app: App, push_id: number) =>
  dataPath(app.config, 'work', `push-${push_id}`)

/**
 * Where a push prepares a repository. Each attempt has folders of its own: a holder that has lost its lease
 * may still write while the next one works.
 * @param attempt name of the attempt, as the generation's row has it
 */
export const stageOf = (app: App, push_id: number, attempt: string, row: RepositoryRow) =>
  join(stageRoot(app, push_id), attempt, String(row.id))

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
  push_id: number
  /** Folder name of this attempt. */
  attempt: string
  /** Generation that clients see now; its metadata saves reading packages again. */
  current: GenerationRow | undefined
  /** Writes updateinfo.xml to a path. @returns false when there is nothing to say */
  writeUpdateinfo(path: string): Promise<boolean>
}

/** A package that can't be in the repository, and why. */
export interface FileFault {
  rpm_id: number
  filename: string
  why: 'damaged' | 'dropped'
}

/** What a draft will be as a row, once it is made. */
export type NewGeneration = Omit<typeof generation.$inferInsert, 'id' | 'created_at'>

/**
 * Links packages and writes metadata. May be done again from the start at any time.
 * @returns the row to keep, or the packages whose stored files are gone
 */
export async function composeRepository(
  app: App,
  draft: Draft,
): Promise<{ made: NewGeneration } | { faults: FileFault[] }> {
  const { repository, push_id, attempt } = draft
  const stage = stageOf(app, push_id, attempt, repository)
  await rm(stage, { recursive: true, force: true })
  await makeFolder(stage)
  const { packages, faults } = await listPackages(app, draft, stage)
  if (faults.length > 0) return { faults }
  // Side by side: the one waits for a program, the other reads rows.
  const [, updateinfo] = await together([
    createMetadata(app, draft, stage),
    draft.writeUpdateinfo(join(stage, 'updateinfo.xml')),
  ])
  if (updateinfo) await addUpdateinfo(stage)
  // The row that is made of it says that it is there.
  await flushTree(stage)
  return { made: await describeStage(stage, draft, packages) }
}

/** Links what is new into the tree, and lists all that the metadata has to name, for createrepo_c and the check. */
async function listPackages(app: App, draft: Draft, stage: string) {
  const tree = publishedRoot(app, draft.repository)
  await makeFolder(join(tree, 'Packages'))
  const list = await open(join(stage, 'packages.list'), 'w')
  const expected = await open(join(stage, 'expected.tsv'), 'w')
  const faults: FileFault[] = []
  const shelves = new Set<string>()
  let packages = 0
  try {
    for await (const files of draftFiles(app.db, draft.push_id, draft.repository.id)) {
      for (const { rpm, added } of files) {
        if (!added) continue
        shelves.add(dirname(join(tree, packageHref(rpm.filename))))
        if (!(await linkPackage(app, tree, rpm)))
          faults.push({ rpm_id: rpm.id, filename: rpm.filename, why: 'damaged' })
      }
      const hrefs = files.map(({ rpm }) => packageHref(rpm.filename))
      await list.write(hrefs.map((href) => `${href}\n`).join(''))
      const lines = files.map(({ rpm }, at) => `${hrefs[at]}\t${rpm.said}\n`)
      await expected.write(lines.join(''))
      packages += files.length
    }
  } finally {
    await list.close()
    await expected.close()
  }
  // Also what an earlier attempt has linked, which may have ended before it came here.
  for (const shelf of shelves) {
    await makeFolder(shelf)
    await flush(shelf)
  }
  return { packages, faults }
}

/** @returns false when the store has lost the file */
async function linkPackage(
  app: App,
  tree: string,
  rpm: { filename: string; unsigned_sha256: string },
): Promise<boolean> {
  const to = join(tree, packageHref(rpm.filename))
  const from = storedPath(app, rpm)
  try {
    await linkOnce(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    if (!(await exists(from))) return false
    await makeFolder(dirname(to))
    await linkOnce(from, to)
  }
  return true
}

/** gz, which every client reads; createrepo_c chooses zstd by itself since 1.0. */
const COMPRESSION = '--general-compress-type=gz'

async function createMetadata(app: App, draft: Draft, stage: string): Promise<void> {
  const { repository, current, push_id } = draft
  const tree = publishedRoot(app, repository)
  const before = current && generationPath(current.hashes.sha256)
  const update =
    before !== undefined && (await exists(join(tree, before, 'repodata')))
      ? ['--update', '--update-md-path', `/tree/${before}`]
      : []
  await runConfined({
    argv: [
      ...['/usr/bin/createrepo_c', '--quiet', '--no-database', '--unique-md-filenames'],
      ...['--checksum', 'sha256', COMPRESSION, ...update],
      ...['--pkglist', '/stage/packages.list', '--outputdir', '/stage'],
      ...['--revision', String(push_id), '/tree'],
    ],
    read: { '/tree': tree },
    write: { '/stage': stage },
  })
}

async function addUpdateinfo(stage: string): Promise<void> {
  await runConfined({
    argv: [
      ...['/usr/bin/modifyrepo_c', '--mdtype=updateinfo', '--compress-type=gz'],
      ...['/stage/updateinfo.xml', '/stage/repodata'],
    ],
    write: { '/stage': stage },
  })
}

async function describeStage(
  stage: string,
  draft: Draft,
  packages: number,
): Promise<NewGeneration> {
  const repodata = join(stage, 'repodata')
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
    packages,
    push_id: draft.push_id,
    attempt: draft.attempt,
  }
}

/** Keeps the row of a draft; a draft made again takes the place of its first row. */
export async function keepGeneration(
  tx: Tx,
  values: NewGeneration,
  now: number,
): Promise<GenerationRow> {
  await dropDrafts(tx, values.push_id, values.repository_id)
  const [row] = await tx
    .insert(generation)
    .values({ ...values, created_at: now })
    .returning()
  if (!row) throw new Error('a generation was not kept')
  return row
}

/** Forgets what a push made and has not published. */
export async function dropDrafts(tx: Tx, push_id: number, repository_id?: number): Promise<void> {
  await tx
    .delete(generation)
    .where(
      and(
        eq(generation.push_id, push_id),
        isNull(generation.published_at),
        repository_id === undefined ? undefined : eq(generation.repository_id, repository_id),
      ),
    )
}

/** The generation that clients see now. */
export async function currentGeneration(
  db: Reader,
  row: RepositoryRow,
): Promise<GenerationRow | undefined> {
  if (row.generation_id === 0) return undefined
  const [found] = await db.select().from(generation).where(eq(generation.id, row.generation_id))
  return found
}
