/** Tags: named sets of builds with inheritance, every change numbered so that the past can be asked. */
import { and, desc, eq, gt, inArray, isNull, lte, or } from 'drizzle-orm'
import {
  build,
  tag,
  tag_build,
  tag_change,
  tag_inheritance,
  target,
} from '../../db/schema/builds.ts'
import { actorName, type Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { compareEvr } from '../kernel/evr.ts'
import { transaction } from '../kernel/transaction.ts'
import { releaseTags } from './build.ts'
import type { BuildRow } from './queries.ts'
import { inheritanceOrder } from './tag.ts'

/** Makes the tags and the target of each release of the distribution. */
export async function syncTags(ctx: Ctx): Promise<void> {
  await transaction(ctx, async (tx) => {
    for (const { name: release } of ctx.app.distribution.releases) {
      const names = releaseTags(release)
      for (const name of Object.values(names))
        await tx.insert(tag).values({ name, release }).onConflictDoNothing()
      await inherit(tx, names.build, names.override, 1)
      await inherit(tx, names.build, names.stable, 2)
      await tx
        .insert(target)
        .values({
          name: release,
          release,
          build_tag: names.build,
          destination_tag: names.candidate,
        })
        .onConflictDoNothing()
    }
  })
}

async function inherit(tx: Tx, name: string, parent: string, priority: number): Promise<void> {
  const tag_id = await tagId(tx, name)
  const parent_id = await tagId(tx, parent)
  await tx.insert(tag_inheritance).values({ tag_id, parent_id, priority }).onConflictDoNothing()
}

/** @throws PortalError tag.unknown */
export async function tagId(db: Reader, name: string): Promise<number> {
  const [row] = await db.select({ id: tag.id }).from(tag).where(eq(tag.name, name))
  if (!row) throw new PortalError('tag.unknown', { field: 'tag', params: { name } })
  return row.id
}

/** @throws PortalError target.unknown */
export async function getTarget(db: Reader, name: string) {
  const [row] = await db.select().from(target).where(eq(target.name, name))
  if (!row) throw new PortalError('target.unknown', { field: 'target', params: { name } })
  return row
}

async function recordChange(
  tx: Tx,
  ctx: Ctx,
  tag_id: number,
  build_id: number,
  action: 'add' | 'remove',
): Promise<number> {
  const [change] = await tx
    .insert(tag_change)
    .values({ tag_id, build_id, action, actor: actorName(ctx.actor), at: ctx.app.clock.now() })
    .returning()
  if (!change) throw new Error('a tag change was not recorded')
  return change.id
}

/** Another transaction made the change first. */
async function forgetChange(tx: Tx, id: number): Promise<void> {
  await tx.delete(tag_change).where(eq(tag_change.id, id))
}

/** Puts a build in a tag; nothing changes when it is there. */
export async function tagBuild(tx: Tx, ctx: Ctx, name: string, row: BuildRow): Promise<void> {
  const tag_id = await tagId(tx, name)
  const live = and(
    eq(tag_build.tag_id, tag_id),
    eq(tag_build.build_id, row.id),
    isNull(tag_build.removed_by_change),
  )
  const present = await tx.select({ id: tag_build.id }).from(tag_build).where(live)
  if (present.length > 0) return
  const added_by_change = await recordChange(tx, ctx, tag_id, row.id, 'add')
  // Of two who put it there at the same moment the index lets one.
  const added = await tx
    .insert(tag_build)
    .values({ tag_id, build_id: row.id, package_id: row.package_id, added_by_change })
    .onConflictDoNothing()
    .returning({ id: tag_build.id })
  if (added.length === 0) return forgetChange(tx, added_by_change)
  await emit(tx, ctx, 'build.tagged', `build:${row.nvr}`, { tag: name })
}

/** Takes a build out of a tag; nothing changes when it is not there. */
export async function untagBuild(tx: Tx, ctx: Ctx, name: string, row: BuildRow): Promise<void> {
  const tag_id = await tagId(tx, name)
  const live = and(
    eq(tag_build.tag_id, tag_id),
    eq(tag_build.build_id, row.id),
    isNull(tag_build.removed_by_change),
  )
  const [present] = await tx.select().from(tag_build).where(live)
  if (!present) return
  const removed_by_change = await recordChange(tx, ctx, tag_id, row.id, 'remove')
  const removed = await tx
    .update(tag_build)
    .set({ removed_by_change })
    .where(and(eq(tag_build.id, present.id), isNull(tag_build.removed_by_change)))
    .returning({ id: tag_build.id })
  if (removed.length === 0) return forgetChange(tx, removed_by_change)
  await emit(tx, ctx, 'build.untagged', `build:${row.nvr}`, { tag: name })
}

export interface TaggedOptions {
  /** The tag as it was after this change. */
  at_change?: number
  /** Builds of tags that it inherits from too. */
  inherit?: boolean
  /** Only the newest of each package. */
  latest?: boolean
  /** Only builds of these packages. */
  package_ids?: number[]
}

/** Builds in a tag. With inheritance, a package's builds come from the nearest tag that has it. */
export async function taggedBuilds(
  db: Reader,
  name: string,
  options: TaggedOptions = {},
): Promise<BuildRow[]> {
  const own = await tagId(db, name)
  const links = options.inherit ? await db.select().from(tag_inheritance) : []
  const order = inheritanceOrder(own, links)
  const rows = await db
    .select({ build, tag_id: tag_build.tag_id })
    .from(tag_build)
    .innerJoin(build, eq(build.id, tag_build.build_id))
    .where(
      and(
        inArray(tag_build.tag_id, order),
        options.package_ids && inArray(tag_build.package_id, options.package_ids),
        liveAt(options.at_change),
      ),
    )
    .orderBy(desc(tag_build.added_by_change))
  const nearest = new Map<number, number>()
  for (const row of rows) {
    const rank = order.indexOf(row.tag_id)
    const known = nearest.get(row.build.package_id)
    if (known === undefined || rank < known) nearest.set(row.build.package_id, rank)
  }
  const visible = rows
    .filter((row) => nearest.get(row.build.package_id) === order.indexOf(row.tag_id))
    .map((row) => row.build)
  return options.latest ? latestOfEach(visible) : visible
}

function liveAt(at_change: number | undefined) {
  if (at_change === undefined) return isNull(tag_build.removed_by_change)
  return and(
    lte(tag_build.added_by_change, at_change),
    or(isNull(tag_build.removed_by_change), gt(tag_build.removed_by_change, at_change)),
  )
}

function latestOfEach(builds: BuildRow[]): BuildRow[] {
  const latest = new Map<number, BuildRow>()
  for (const each of builds) {
    const known = latest.get(each.package_id)
    if (!known || compareEvr(each, known) > 0) latest.set(each.package_id, each)
  }
  return [...latest.values()]
}

/** Names of the tags that a build is in. */
export async function tagsOfBuild(db: Reader, build_id: number): Promise<string[]> {
  const rows = await db
    .select({ name: tag.name })
    .from(tag_build)
    .innerJoin(tag, eq(tag.id, tag_build.tag_id))
    .where(and(eq(tag_build.build_id, build_id), isNull(tag_build.removed_by_change)))
  return rows.map((row) => row.name)
}

/** What changed in a tag between two of its moments: builds that came and builds that went. */
export async function compareTag(db: Reader, name: string, from_change: number, to_change: number) {
  const before = await taggedBuilds(db, name, { at_change: from_change })
  const after = await taggedBuilds(db, name, { at_change: to_change })
  const missingIn = (rows: BuildRow[]) => (row: BuildRow) => !rows.some((r) => r.id === row.id)
  return { added: after.filter(missingIn(before)), removed: before.filter(missingIn(after)) }
}
