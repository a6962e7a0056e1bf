/** Tags as a push changes them: many builds at once, and what others changed that no push has published. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm'
import { build, tag_build, tag_change } from '../../db/schema/builds.ts'
import { chunks } from '../kernel/chunks.ts'
import { actorName, type Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { emit } from '../kernel/events.ts'
import { must } from '../kernel/must.ts'
import type { BuildRow } from './queries.ts'
import { tagId } from './tags.ts'

export interface TagMove {
  tag: string
  build: BuildRow
  action: 'add' | 'remove'
}

/**
 * Many changes of tags at once, as a push makes them: in statements that each take some hundred rows. What is so
 * already stays as it is. @param push_id push that publishes them in this transaction
 */
export async function moveBuilds(
  tx: Tx,
  ctx: Ctx,
  moves: TagMove[],
  push_id: number,
): Promise<void> {
  for (const name of new Set(moves.map((each) => each.tag))) {
    const tag_id = await tagId(tx, name)
    for (const part of chunks(moves.filter((each) => each.tag === name))) {
      await moveSome(tx, ctx, { name, tag_id, push_id }, part)
      await nextTurn()
    }
  }
}

interface Moved {
  name: string
  tag_id: number
  push_id: number
}

async function moveSome(tx: Tx, ctx: Ctx, to: Moved, moves: TagMove[]): Promise<void> {
  const { tag_id, push_id } = to
  const ids = moves.map(({ build: row }) => row.id)
  const live = await tx
    .select({ id: tag_build.id, build_id: tag_build.build_id })
    .from(tag_build)
    .where(
      and(
        eq(tag_build.tag_id, tag_id),
        inArray(tag_build.build_id, ids),
        isNull(tag_build.removed_by_change),
      ),
    )
  const present = new Map(live.map((each) => [each.build_id, each.id]))
  const due = moves.filter(({ action, build: row }) => (action === 'add') !== present.has(row.id))
  if (due.length === 0) return
  const common = { tag_id, push_id, actor: actorName(ctx.actor), at: ctx.app.clock.now() }
  const changes = await tx
    .insert(tag_change)
    .values(due.map(({ action, build: row }) => ({ ...common, build_id: row.id, action })))
    .returning({ id: tag_change.id, build_id: tag_change.build_id })
  const changeOf = new Map(changes.map((each) => [each.build_id, each.id]))
  const added = due.filter(({ action }) => action === 'add')
  if (added.length > 0)
    await tx.insert(tag_build).values(
      added.map(({ build: row }) => ({
        ...{ tag_id, build_id: row.id, package_id: row.package_id },
        added_by_change: must(changeOf.get(row.id)),
      })),
    )
  const removed = due.filter(({ action }) => action === 'remove')
  // One statement for all: each row takes the change of its own build, which is the newest one.
  const newest = sql<number>`(select max(c.id) from tag_change c where c.tag_id = ${tag_id} and c.build_id = ${tag_build.build_id})`
  await tx
    .update(tag_build)
    .set({ removed_by_change: newest })
    .where(
      inArray(
        tag_build.id,
        removed.map(({ build: row }) => must(present.get(row.id))),
      ),
    )
  for (const { action, build: row } of due) {
    const happened = action === 'add' ? 'build.tagged' : 'build.untagged'
    await emit(tx, ctx, happened, `build:${row.nvr}`, { tag: to.name })
  }
}

export interface UnpublishedChange {
  id: number
  tag: string
  build_id: number
}

/** Changes of a tag that no push has published yet: an unpush, a new revision, an expired override. */
export async function unpublishedChanges(db: Reader, name: string): Promise<UnpublishedChange[]> {
  const rows = await db
    .select({ id: tag_change.id, build_id: tag_change.build_id })
    .from(tag_change)
    .where(and(eq(tag_change.tag_id, await tagId(db, name)), isNull(tag_change.push_id)))
    .orderBy(asc(tag_change.id))
  return rows.map((row) => ({ ...row, tag: name }))
}

/** Notes that a push has published these changes. */
export async function markPublished(tx: Tx, change_ids: number[], push_id: number): Promise<void> {
  for (const part of chunks(change_ids))
    await tx.update(tag_change).set({ push_id }).where(inArray(tag_change.id, part))
}

/** Which of these builds are in a tag. */
export async function taggedAmong(
  db: Reader,
  name: string,
  build_ids: number[],
): Promise<Set<number>> {
  const tag_id = await tagId(db, name)
  const found = new Set<number>()
  for (const part of chunks(build_ids)) {
    const rows = await db
      .select({ build_id: tag_build.build_id })
      .from(tag_build)
      .where(
        and(
          eq(tag_build.tag_id, tag_id),
          inArray(tag_build.build_id, part),
          isNull(tag_build.removed_by_change),
        ),
      )
    for (const { build_id } of rows) found.add(build_id)
  }
  return found
}

/** Builds of a tag that began as seeds, oldest first. */
export async function bootstrapBuilds(
  db: Reader,
  name: string,
  limit = 10_000,
): Promise<BuildRow[]> {
  const rows = await db
    .select({ build })
    .from(tag_build)
    .innerJoin(build, eq(build.id, tag_build.build_id))
    .where(
      and(
        eq(tag_build.tag_id, await tagId(db, name)),
        isNull(tag_build.removed_by_change),
        eq(build.bootstrap, true),
      ),
    )
    .orderBy(asc(tag_build.id))
    .limit(limit)
  return rows.map((row) => row.build)
}
