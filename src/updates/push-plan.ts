/**
 * What a push will do, worked out before anything is done: moves of builds between tags, changes that others made
 * and no push has published, and from both what each repository will hold. Kept as rows, so that every step and
 * every attempt means the same; gone with the push.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { asc, eq } from 'drizzle-orm'
import { push_change } from '../../db/schema/updates.ts'
import { releaseTags } from '../builds/build.ts'
import { type BuildRow, buildsById } from '../builds/builds.ts'
import {
  markPublished,
  moveBuilds,
  type TagMove,
  taggedAmong,
  unpublishedChanges,
} from '../builds/tag-moves.ts'
import { chunks } from '../kernel/chunks.ts'
import type { App, Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { must } from '../kernel/must.ts'
import type { StageChange } from '../repos/content.ts'
import { type PushRow, type PushUpdateRow, pushedUpdates } from './push-rows.ts'
import { buildsByUpdate, type UpdateRow } from './queries.ts'

export interface Member {
  entry: PushUpdateRow
  update: UpdateRow
}

/** What is in the push and was not sent back. */
export async function pushMembers(db: Reader, push_id: number): Promise<Member[]> {
  return (await pushedUpdates(db, push_id)).filter(({ entry }) => entry.ejected === null)
}

/** Keeps the moves of a push in place of what it planned before. @param seeds builds that go straight to stable */
export async function keepMoves(
  tx: Tx,
  row: PushRow,
  members: Member[],
  seeds: BuildRow[],
): Promise<void> {
  const tags = releaseTags(row.release)
  const builds = await buildsByUpdate(
    tx,
    members.map(({ update }) => update.id),
  )
  const own = [
    ...members.flatMap(({ entry, update }) =>
      (builds.get(update.id) ?? []).flatMap(({ id }) => [
        ...[tags.candidate, tags.testing]
          .filter((tag) => tag !== tags[entry.request])
          .map((tag) => ({ tag, build_id: id, action: 'remove' as const })),
        { tag: tags[entry.request], build_id: id, action: 'add' as const },
      ]),
    ),
    ...seeds.flatMap(({ id }) => [
      { tag: tags.candidate, build_id: id, action: 'remove' as const },
      { tag: tags.stable, build_id: id, action: 'add' as const },
    ]),
  ]
  const others = [
    ...(await unpublishedChanges(tx, tags.stable)),
    ...(await unpublishedChanges(tx, tags.testing)),
  ].map(({ id, tag, build_id }) => ({ tag, build_id, action: 'add' as const, tag_change_id: id }))
  await tx.delete(push_change).where(eq(push_change.push_id, row.id))
  for (const part of chunks([...own, ...others])) {
    await tx.insert(push_change).values(part.map((each) => ({ ...each, push_id: row.id })))
    await nextTurn()
  }
}

function plannedMoves(db: Reader, push_id: number) {
  return db
    .select()
    .from(push_change)
    .where(eq(push_change.push_id, push_id))
    .orderBy(asc(push_change.id))
}

/** Where the builds that the push moves, or that others moved, will be. */
export async function stageChanges(app: App, row: PushRow): Promise<StageChange[]> {
  const tags = releaseTags(row.release)
  const planned = await plannedMoves(app.db, row.id)
  const changes: StageChange[] = []
  for (const stage of ['stable', 'testing'] as const) {
    const here = planned.filter((each) => each.tag === tags[stage])
    const own = new Map(
      here.filter((each) => each.tag_change_id === null).map((each) => [each.build_id, each]),
    )
    const ids = [...new Set(here.map((each) => each.build_id))]
    const others = ids.filter((id) => !own.has(id))
    const tagged = await taggedAmong(app.db, tags[stage], others)
    for (const build_id of ids) {
      const move = own.get(build_id)
      changes.push({ stage, build_id, stays: move ? move.action === 'add' : tagged.has(build_id) })
    }
  }
  return changes
}

/** Does what was planned for the tags, in the transaction that publishes the push. */
export async function applyMoves(tx: Tx, ctx: Ctx, push_id: number): Promise<void> {
  const planned = await plannedMoves(tx, push_id)
  const own = planned.filter((each) => each.tag_change_id === null)
  const builds = new Map<number, BuildRow>()
  for (const part of chunks([...new Set(own.map((each) => each.build_id))]))
    for (const each of await buildsById(tx, part)) builds.set(each.id, each)
  const moves: TagMove[] = own.map(({ tag, action, build_id }) => ({
    ...{ tag, action },
    build: must(builds.get(build_id), `build ${build_id} of push ${push_id}`),
  }))
  await moveBuilds(tx, ctx, moves, push_id)
  const others = planned.flatMap((each) => (each.tag_change_id === null ? [] : each.tag_change_id))
  await markPublished(tx, others, push_id)
  await tx.delete(push_change).where(eq(push_change.push_id, push_id))
}
