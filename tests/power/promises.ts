/**
 * What the rows of a data folder promise of its files, looked at while no program runs. A loss of power may take what
 * was not promised yet; what a row says is there has to be there, with its bytes.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import Sqlite from 'better-sqlite3'
import { buildState } from '../../src/builds/build.ts'
import { taskState } from '../../src/tasks/task.ts'

export interface Promised {
  /** What was not kept, a sentence each. */
  broken: string[]
  /** How many were looked at, by kind: a look at nothing finds nothing broken. */
  seen: Record<string, number>
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

class Look {
  readonly broken: string[] = []
  readonly seen: Record<string, number> = {}

  /** @returns the file's bytes where they are what was promised */
  file(kind: string, path: string, sha256?: string): Buffer | undefined {
    this.seen[kind] = (this.seen[kind] ?? 0) + 1
    try {
      const bytes = readFileSync(path)
      if (sha256 === undefined || digest(bytes) === sha256) return bytes
      this.broken.push(`${kind}: ${path} has ${bytes.length} other bytes`)
    } catch (error) {
      this.broken.push(`${kind}: ${error}`)
    }
    return undefined
  }
}

/** @param data a portal's data folder @throws Error when the database itself is damaged */
export function promisesOf(data: string): Promised {
  const db = new Sqlite(join(data, 'slipway.db'))
  const look = new Look()
  const all = <T>(sql: string, ...values: unknown[]) => db.prepare(sql).all(...values) as T[]
  try {
    const said = db.pragma('integrity_check', { simple: true })
    if (said !== 'ok') throw new Error(`the database: ${said}`)
    sent(look, data, all)
    stored(look, data, all)
    published(look, data, all)
    pictured(look, data, all)
    look.file('key', join(data, 'keys/public.asc'))
  } finally {
    db.close()
  }
  return { broken: look.broken, seen: look.seen }
}

type All = <T>(sql: string, ...values: unknown[]) => T[]

/** What builders and people have sent: by digest. */
function sent(look: Look, data: string, all: All): void {
  const blob = (folder: string, sha256: string) => join(data, folder, sha256.slice(0, 2), sha256)
  const uploads = all<{ sha256: string }>('select distinct sha256 from upload')
  for (const { sha256 } of uploads) look.file('upload', blob('incoming', sha256), sha256)
  const sources = all<{ sha256: string }>('select distinct sha256 from source_upload')
  for (const { sha256 } of sources) look.file('source', blob('sources', sha256), sha256)
  const tasks = all<{ n: number }>(
    `select count(*) as n from task where state = ? and method in ('buildSRPM', 'buildArch')
     and id not in (select task_id from upload)`,
    taskState.CLOSED,
  )
  if (tasks[0]?.n) look.broken.push(`${tasks[0].n} closed tasks of builders sent nothing`)
}

/** Packages of complete builds. */
function stored(look: Look, data: string, all: All): void {
  const rpms = all<{ filename: string; sha256: string; unsigned: string }>(
    `select filename, sha256, unsigned_sha256 as unsigned from rpm
     join build on build.id = rpm.build_id where build.state = ?`,
    buildState.COMPLETE,
  )
  for (const { filename, sha256, unsigned } of rpms)
    look.file('package', join(data, 'packages', unsigned.slice(0, 2), unsigned, filename), sha256)
}

/** Generations that clients may read: their metadata, and each package that it names. */
function published(look: Look, data: string, all: All): void {
  const rows = all<{ path: string; hashes: string }>(
    `select repository.path, generation.hashes from generation
     join repository on repository.id = generation.repository_id where published_at is not null`,
  )
  for (const { path, hashes } of rows) {
    const folder = join(data, 'pub', path, '.generations', JSON.parse(hashes).sha256)
    const repomd = look.file(
      'repomd',
      join(folder, 'repodata/repomd.xml'),
      JSON.parse(hashes).sha256,
    )
    look.file('signature', join(folder, 'repodata/repomd.xml.asc'))
    for (const [, part = ''] of `${repomd ?? ''}`.matchAll(/<data (.*?)<\/data>/gs)) {
      const href = /<location href="([^"]+)"/.exec(part)?.[1] ?? ''
      const sum = /<checksum type="sha256">(\w+)</.exec(part)?.[1]
      const bytes = look.file('metadata', join(folder, href), sum)
      if (bytes && part.startsWith('type="primary"')) named(look, folder, unpacked(href, bytes))
    }
  }
}

const unpacked = (href: string, bytes: Buffer) =>
  (href.endsWith('.zst') ? zstdDecompressSync(bytes) : gunzipSync(bytes)).toString()

function named(look: Look, folder: string, primary: string): void {
  for (const [, each = ''] of primary.matchAll(/<package type="rpm">(.*?)<\/package>/gs)) {
    const href = /<location href="([^"]+)"/.exec(each)?.[1] ?? ''
    const sum = /<checksum type="sha256" pkgid="YES">(\w+)</.exec(each)?.[1]
    look.file('published package', join(folder, href), sum)
  }
}

/** Images that are offered, with the tree of the same content. */
function pictured(look: Look, data: string, all: All): void {
  const images = all<{ path: string; tree_path: string; facts: string }>(
    'select path, tree_path, facts from image where published_at is not null and removed_at is null',
  )
  for (const { path, tree_path, facts } of images) {
    const { filename, sha256 } = JSON.parse(facts)
    look.file('image', join(data, 'pub', path, filename), sha256)
    const sums = look.file('sums', join(data, 'pub', path, 'SHA256SUMS'))
    if (sums && !sums.includes(sha256)) look.broken.push(`${path}/SHA256SUMS lacks the image`)
    const tree = join(data, 'pub', tree_path)
    const files = readdirSync(tree, { recursive: true, withFileTypes: true }).filter((each) =>
      each.isFile(),
    )
    for (const each of files) {
      const bytes = look.file('file of a tree', join(each.parentPath, each.name))
      if (bytes?.length === 0) look.broken.push(`${join(each.parentPath, each.name)} is empty`)
    }
    if (files.length === 0) look.broken.push(`${tree} is empty`)
  }
}
