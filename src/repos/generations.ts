/** Published generations as mirrors are compared with: digests and some packages, not the long lists. */
import { and, asc, desc, eq, inArray, isNotNull, min } from 'drizzle-orm'
import { rpm } from '../../db/schema/builds.ts'
import { generation, repository } from '../../db/schema/repos.ts'
import type { Reader } from '../kernel/db.ts'
import { packageHref } from './repository.ts'

export interface GenerationDigest {
  id: number
  push_id: number
  /** Of its repomd.xml. */
  sha256: string
  /** Milliseconds since the epoch. */
  published_at: number
}

/** Newest first. */
export async function publishedDigests(
  db: Reader,
  repository_id: number,
  limit = 50,
): Promise<GenerationDigest[]> {
  const { id, push_id, hashes, published_at } = generation
  const rows = await db
    .select({ id, push_id, hashes, published_at })
    .from(generation)
    .where(and(eq(generation.repository_id, repository_id), isNotNull(published_at)))
    .orderBy(desc(id))
    .limit(limit)
  return rows.map((row) => ({
    id: row.id,
    push_id: row.push_id,
    sha256: row.hashes.sha256,
    published_at: row.published_at ?? 0,
  }))
}

export interface PackageSample {
  /** Under the repository's path. */
  href: string
  size_bytes: number
}

/**
 * Some packages of a generation.
 * @param draw a number from 0 up to, not including, 1
 */
export async function samplePackages(
  db: Reader,
  generation_id: number,
  count: number,
  draw: () => number,
): Promise<PackageSample[]> {
  const [row] = await db
    .select({ rpm_ids: generation.rpm_ids })
    .from(generation)
    .where(eq(generation.id, generation_id))
  const all = row?.rpm_ids ?? []
  if (all.length === 0) return []
  const drawn = Array.from({ length: count }, () => all[Math.floor(draw() * all.length)] ?? 0)
  const rows = await db
    .select({ filename: rpm.filename, size_bytes: rpm.size_bytes })
    .from(rpm)
    .where(inArray(rpm.id, drawn))
  return rows.map((each) => ({ href: packageHref(each.filename), size_bytes: each.size_bytes }))
}

/** Generations with their repositories, in the order of paths. */
export function generationsWithRepositories(db: Reader, ids: number[]) {
  return db
    .select({ repository, generation })
    .from(generation)
    .innerJoin(repository, eq(repository.id, generation.repository_id))
    .where(inArray(generation.id, ids))
    .orderBy(asc(repository.path))
}

const ROWS_AT_ONCE = 1000

/** All packages of a generation. */
export async function packagesOfGeneration(db: Reader, rpm_ids: number[]) {
  const rows: (typeof rpm.$inferSelect)[] = []
  for (let at = 0; at < rpm_ids.length; at += ROWS_AT_ONCE)
    rows.push(
      ...(await db
        .select()
        .from(rpm)
        .where(inArray(rpm.id, rpm_ids.slice(at, at + ROWS_AT_ONCE)))),
    )
  return rows
}

/** Pushes that published something, newest first, with the moment that they began to. */
export async function publishedPushes(
  db: Reader,
  limit: number,
): Promise<{ push_id: number; published_at: number }[]> {
  const { push_id, published_at } = generation
  const rows = await db
    .select({ push_id, published_at: min(published_at) })
    .from(generation)
    .where(isNotNull(published_at))
    .groupBy(push_id)
    .orderBy(desc(push_id))
    .limit(limit)
  return rows.map((row) => ({ push_id: row.push_id, published_at: Number(row.published_at ?? 0) }))
}
