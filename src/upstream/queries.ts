/** Drizzle of the upstream room; no decisions. */
import { and, asc, desc, eq, inArray } from 'drizzle-orm'
import { upstream_import, upstream_package } from '../../db/schema/upstream.ts'
import { chunks } from '../kernel/chunks.ts'
import type { Reader } from '../kernel/db.ts'

export type UpstreamRow = typeof upstream_package.$inferSelect
export type ImportRow = typeof upstream_import.$inferSelect

export function upstreamRows(
  db: Reader,
  release: string,
  repository?: string,
): Promise<UpstreamRow[]> {
  return db
    .select()
    .from(upstream_package)
    .where(
      and(
        eq(upstream_package.release, release),
        repository === undefined ? undefined : eq(upstream_package.repository, repository),
      ),
    )
    .orderBy(asc(upstream_package.name))
}

export function importRows(db: Reader, release: string, limit: number): Promise<ImportRow[]> {
  return db
    .select()
    .from(upstream_import)
    .where(eq(upstream_import.release, release))
    .orderBy(desc(upstream_import.id))
    .limit(limit)
}

/** Those of these names that upstream ships as source packages, in whatever release. */
export async function shippedUpstream(db: Reader, names: string[]): Promise<Set<string>> {
  const found = new Set<string>()
  const { name } = upstream_package
  for (const part of chunks(names)) {
    const rows = await db.selectDistinct({ name }).from(upstream_package).where(inArray(name, part))
    for (const row of rows) found.add(row.name)
  }
  return found
}
