/** Drizzle of the upstream room; no decisions. */
import { and, asc, desc, eq } from 'drizzle-orm'
import { upstream_import, upstream_package } from '../../db/schema/upstream.ts'
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
