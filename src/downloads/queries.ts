/** Drizzle queries of composes and images; no decisions. */
import { and, asc, desc, eq, inArray, isNotNull, isNull, lt } from 'drizzle-orm'
import { compose, image } from '../../db/schema/downloads.ts'
import type { Reader } from '../kernel/db.ts'
import type { ImageFacts } from './facts.ts'

export type ComposeRow = typeof compose.$inferSelect
export type ImageRow = typeof image.$inferSelect & { facts: ImageFacts }

export async function findCompose(db: Reader, id: number): Promise<ComposeRow | undefined> {
  const [row] = await db.select().from(compose).where(eq(compose.id, id))
  return row
}

export async function runningCompose(db: Reader, release: string): Promise<ComposeRow | undefined> {
  const [row] = await db
    .select()
    .from(compose)
    .where(and(eq(compose.release, release), eq(compose.state, 'running')))
  return row
}

/** Newest first. */
export function composesOf(
  db: Reader,
  filter: { release?: string | undefined; before?: number | undefined; state?: 'done' | undefined },
  limit: number,
): Promise<ComposeRow[]> {
  const { release, before, state } = filter
  return db
    .select()
    .from(compose)
    .where(
      and(
        release === undefined ? undefined : eq(compose.release, release),
        before === undefined ? undefined : lt(compose.id, before),
        state === undefined ? undefined : eq(compose.state, state),
      ),
    )
    .orderBy(desc(compose.id))
    .limit(limit)
}

export async function imagesOfCompose(db: Reader, compose_id: number): Promise<ImageRow[]> {
  const rows = await db
    .select()
    .from(image)
    .where(eq(image.compose_id, compose_id))
    .orderBy(asc(image.id))
  return rows as ImageRow[]
}

/** Images that are offered, the newest compose first, arches in the order they were made. */
export async function offeredImages(db: Reader, limit = 200): Promise<ImageRow[]> {
  const rows = await db
    .select()
    .from(image)
    .where(and(isNotNull(image.published_at), isNull(image.withdrawn_at)))
    .orderBy(desc(image.compose_id), desc(image.id))
    .limit(limit)
  // In a compose, the arch that was made first comes first.
  return (rows as ImageRow[]).sort((a, b) => b.compose_id - a.compose_id || a.id - b.id)
}

/** Images that were withdrawn before a moment and whose files are still there. */
export async function removableImages(db: Reader, before: number): Promise<ImageRow[]> {
  const rows = await db
    .select()
    .from(image)
    .where(and(lt(image.withdrawn_at, before), isNull(image.removed_at)))
    .limit(100)
  return rows as ImageRow[]
}

/** Of these composes, the ones that run. */
export async function runningOf(db: Reader, ids: number[]): Promise<number[]> {
  if (ids.length === 0) return []
  const rows = await db
    .select({ id: compose.id })
    .from(compose)
    .where(and(inArray(compose.id, ids), eq(compose.state, 'running')))
  return rows.map((row) => row.id)
}
