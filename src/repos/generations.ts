/** Published generations as mirrors are compared with: digests and some packages, not the long lists. */
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
  lte,
  max,
  min,
  or,
} from 'drizzle-orm'
import { rpm } from '../../db/schema/builds.ts'
import { generation, repository, repository_rpm } from '../../db/schema/repos.ts'
import { AT_ONCE } from '../kernel/chunks.ts'
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
 * Some packages of what is in a repository now, drawn anywhere.
 * @param draw a number from 0 up to, not including, 1
 */
export async function samplePackages(
  db: Reader,
  repository_id: number,
  count: number,
  draw: () => number,
): Promise<PackageSample[]> {
  const { id } = repository_rpm
  const live = and(
    eq(repository_rpm.repository_id, repository_id),
    isNull(repository_rpm.to_generation),
  )
  const [ends] = await db
    .select({ first: min(id), last: max(id) })
    .from(repository_rpm)
    .where(live)
  const first = Number(ends?.first ?? 0)
  const span = Number(ends?.last ?? 0) - first + 1
  const samples: PackageSample[] = []
  for (let n = 0; n < count; n++) {
    const [drawn] = await db
      .select({ filename: rpm.filename, size_bytes: rpm.size_bytes })
      .from(repository_rpm)
      .innerJoin(rpm, eq(rpm.id, repository_rpm.rpm_id))
      .where(and(live, gte(id, first + Math.floor(draw() * span))))
      .orderBy(asc(id))
      .limit(1)
    if (!drawn) break
    samples.push({ href: packageHref(drawn.filename), size_bytes: drawn.size_bytes })
  }
  return samples
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

/** All packages of a generation, some at a time. */
export async function* packagesOfGeneration(
  db: Reader,
  { id, repository_id }: { id: number; repository_id: number },
): AsyncGenerator<(typeof rpm.$inferSelect)[]> {
  for (let after = 0; ; ) {
    const rows = await db
      .select({ row_id: repository_rpm.id, rpm })
      .from(repository_rpm)
      .innerJoin(rpm, eq(rpm.id, repository_rpm.rpm_id))
      .where(
        and(
          eq(repository_rpm.repository_id, repository_id),
          lte(repository_rpm.from_generation, id),
          or(isNull(repository_rpm.to_generation), gt(repository_rpm.to_generation, id)),
          gt(repository_rpm.id, after),
        ),
      )
      .orderBy(asc(repository_rpm.id))
      .limit(AT_ONCE)
    const last = rows.at(-1)
    if (!last) return
    after = last.row_id
    yield rows.map((row) => row.rpm)
  }
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
