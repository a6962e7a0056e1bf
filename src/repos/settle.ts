/**
 * Takes out of a repository's folder what no client can be reading any more: old generations, packages that left,
 * what a crash left half made. It costs what has left, not what is there.
 */
import { lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  and,
  asc,
  desc,
  eq,
  gt,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  or,
  type SQL,
  sql,
} from 'drizzle-orm'
import { alias } from '../../db/columns.ts'
import { rpm } from '../../db/schema/builds.ts'
import { generation, push_content, repository_rpm } from '../../db/schema/repos.ts'
import { AT_ONCE } from '../kernel/chunks.ts'
import { DAY_MS, HOUR_MS } from '../kernel/clock.ts'
import type { App, Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { transaction } from '../kernel/transaction.ts'
import { publishedRoot } from './compose.ts'
import { holdRepository } from './drafts.ts'
import type { RepositoryRow } from './repositories.ts'
import { GENERATIONS, packageHref } from './repository.ts'

/** How long a generation stays after its successor came, and the least that stay in any case. */
const KEEP_MS = DAY_MS
const KEEP_LEAST = 2

/** Digests of older generations tell how far behind a mirror is; longer than this none is listed. */
const KEEP_ROWS_MS = 30 * DAY_MS

/** A part that is older was left by a crash. */
const PART_MS = HOUR_MS

interface Kept {
  /** Digests of repomd.xml whose folders stay. */
  folders: Set<string>
  /** The oldest generation that a client may be reading. */
  oldest_id: number
}

/** May be done again at any time, and beside a push of the same repository. */
export async function settleRepository(ctx: Ctx, row: RepositoryRow): Promise<void> {
  const kept = await keptGenerations(ctx.app, row)
  if (!kept) return
  await removeFolders(ctx.app, row, kept.folders)
  while (await removePackages(ctx, row, kept.oldest_id)) {
    // Some at a time.
  }
  const before = ctx.app.clock.now() - KEEP_ROWS_MS
  await transaction(ctx, (tx) =>
    tx
      .delete(generation)
      .where(
        and(
          eq(generation.repository_id, row.id),
          lt(generation.id, kept.oldest_id),
          lt(generation.published_at, before),
        ),
      ),
  )
}

/** A client may go on with a generation that it took while it was current, so the successor's date counts. */
async function keptGenerations(app: App, row: RepositoryRow): Promise<Kept | undefined> {
  const { id, hashes, published_at } = generation
  const own = eq(generation.repository_id, row.id)
  const newest = (more: SQL | undefined, limit: number) =>
    app.db.select({ id }).from(generation).where(and(own, more)).orderBy(desc(id)).limit(limit)
  const since = app.clock.now() - KEEP_MS
  // The newest one that is older than the term was current when the term began.
  const [current] = await newest(lt(published_at, since), 1)
  const least = (await newest(isNotNull(published_at), KEEP_LEAST)).at(-1)
  if (!least) return undefined
  const oldest_id = Math.min(current?.id ?? 0, least.id)
  const rows = await app.db
    .select({ hashes })
    .from(generation)
    .where(and(own, or(gte(id, oldest_id), isNull(published_at))))
  return { oldest_id, folders: new Set(rows.map((each) => each.hashes.sha256)) }
}

async function removeFolders(app: App, row: RepositoryRow, kept: Set<string>): Promise<void> {
  const top = publishedRoot(app, row)
  const folder = join(top, GENERATIONS)
  for (const name of await namesIn(folder))
    if (name.endsWith('.part') ? await isStale(app, join(folder, name)) : !kept.has(name))
      await rm(join(folder, name), { recursive: true, force: true })
  for (const name of await namesIn(top))
    if (name.endsWith('.part') && (await isStale(app, join(top, name))))
      await rm(join(top, name), { force: true })
}

const namesIn = (folder: string) => readdir(folder).catch((): string[] => [])

/** Whoever makes a part needs seconds; the file system's clock is this machine's. */
async function isStale(app: App, path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  return found !== undefined && found.mtimeMs < app.clock.now() - PART_MS
}

/** Files that left before the oldest generation that is kept. @returns whether there may be more */
async function removePackages(ctx: Ctx, row: RepositoryRow, oldest_id: number): Promise<boolean> {
  const { app } = ctx
  const gone = await transaction(ctx, async (tx) => {
    // A push that plans to bring one of them back holds this row, too.
    await holdRepository(tx, row.id)
    return markLeaving(tx, row.id, oldest_id)
  })
  const top = publishedRoot(app, row)
  for (const { filename, needed } of gone)
    if (!needed) await rm(join(top, packageHref(filename)), { force: true })
  const ids = gone.map((each) => each.id)
  await transaction(ctx, (tx) => tx.delete(repository_rpm).where(inArray(repository_rpm.id, ids)))
  return gone.length === AT_ONCE
}

/** Rows that are over, with whether another generation that is kept needs the file all the same. */
async function markLeaving(tx: Tx, repository_id: number, oldest_id: number) {
  const other = alias(repository_rpm, 'other')
  const rows = await tx
    .selectDistinct({
      id: repository_rpm.id,
      filename: rpm.filename,
      needed: sql<number>`case when ${other.id} is null then 0 else 1 end`,
    })
    .from(repository_rpm)
    .innerJoin(rpm, eq(rpm.id, repository_rpm.rpm_id))
    .leftJoin(
      other,
      and(
        eq(other.repository_id, repository_id),
        eq(other.rpm_id, repository_rpm.rpm_id),
        or(isNull(other.to_generation), gt(other.to_generation, oldest_id)),
      ),
    )
    .leftJoin(
      push_content,
      and(
        eq(push_content.repository_id, repository_id),
        eq(push_content.rpm_id, repository_rpm.rpm_id),
        eq(push_content.action, 'add'),
      ),
    )
    .where(
      and(
        eq(repository_rpm.repository_id, repository_id),
        lte(repository_rpm.to_generation, oldest_id),
        isNull(push_content.id),
      ),
    )
    .orderBy(asc(repository_rpm.id))
    .limit(AT_ONCE)
  const ids = rows.map((each) => each.id)
  await tx.update(repository_rpm).set({ leaving: true }).where(inArray(repository_rpm.id, ids))
  return rows.map((each) => ({ ...each, needed: Number(each.needed) === 1 }))
}
