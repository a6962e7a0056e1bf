/**
 * What the next generation of each repository will hold, as a difference to what is in it now: so a push costs
 * what it changes and not what the repository has. The differences are rows of push_content until the push
 * publishes them; before that nobody sees them, and an end takes them away.
 */
import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { and, asc, eq, gt, inArray, isNull } from 'drizzle-orm'
import { build, rpm, tag_build } from '../../db/schema/builds.ts'
import { type push_content, repository_rpm } from '../../db/schema/repos.ts'
import { releaseTags } from '../builds/build.ts'
import { tagId } from '../builds/tags.ts'
import { describeRelease } from '../distribution/releases.ts'
import { AT_ONCE, chunks } from '../kernel/chunks.ts'
import type { App } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import { listRepositories, type RepositoryRow } from './repositories.ts'
import { archFits, repositoriesOf, type Stage } from './repository.ts'

/** Whether a build will be in a stage's tag once the push is out. */
export interface StageChange {
  stage: Stage
  build_id: number
  stays: boolean
}

export interface PlacedRpm {
  rpm: typeof rpm.$inferSelect
  build: Pick<typeof build.$inferSelect, 'id' | 'name' | 'nvr'>
}

interface Placed {
  row: RepositoryRow
  /** Id of the repository in the distribution's data. */
  id: string
}

/** What decides which repository a package belongs into: a digest of it, for comparison only. */
export function placementDigest(app: App, release: string): string {
  const { id, placement } = app.distribution
  const addresses = repositoriesOf(id, describeRelease(app, release))
  return createHash('sha256').update(JSON.stringify({ placement, addresses })).digest('hex')
}

async function placedRepositories(app: App, release: string): Promise<Placed[]> {
  const { id } = app.distribution
  const ids = new Map(repositoriesOf(id, describeRelease(app, release)).map((a) => [a.path, a.id]))
  return (await listRepositories(app.db, release)).map((row) => ({
    row,
    // A repository that the data has no more gets no packages.
    id: ids.get(row.path) ?? '',
  }))
}

function belongs(app: App, { rpm: file, build: of }: PlacedRpm, { row, id }: Placed): boolean {
  if (file.unreadable !== null || !archFits(file.arch, row.arch)) return false
  return app.distribution.repositoryOf(of.name) === id
}

/** Builds with their packages, as their places ask. */
function rpmsOf(db: Reader, build_ids: number[]): Promise<PlacedRpm[]> {
  return db
    .select({ rpm, build: { id: build.id, name: build.name, nvr: build.nvr } })
    .from(rpm)
    .innerJoin(build, eq(build.id, rpm.build_id))
    .where(inArray(rpm.build_id, build_ids))
    .orderBy(asc(rpm.id))
}

/** Which of these packages are in which repository now: `<repository id>:<rpm id>` of each. */
export async function membersAmong(db: Reader, rpm_ids: number[]): Promise<Set<string>> {
  const found = new Set<string>()
  for (const part of chunks(rpm_ids)) {
    const rows = await db
      .select({ repository_id: repository_rpm.repository_id, rpm_id: repository_rpm.rpm_id })
      .from(repository_rpm)
      .where(and(inArray(repository_rpm.rpm_id, part), isNull(repository_rpm.to_generation)))
    for (const each of rows) found.add(`${each.repository_id}:${each.rpm_id}`)
  }
  return found
}

export type ContentChange = Omit<typeof push_content.$inferInsert, 'id' | 'push_id'>

export interface ContentPlan {
  changes: ContentChange[]
  /** Repositories whose metadata is made anew: what is in them changes, or what is said of it. */
  repositories: RepositoryRow[]
}

/**
 * @param changes where builds will be once the push is out; a stage's other builds stay where they are
 * @param retold builds of which the metadata will say something else, wherever they are
 */
export async function planContent(
  app: App,
  release: string,
  changes: StageChange[],
  retold: number[],
): Promise<ContentPlan> {
  const placed = await placedRepositories(app, release)
  const digest = placementDigest(app, release)
  const anew = placed.filter(({ row }) => row.placement !== digest)
  const found = [
    ...(await changedMembers(app, placed, changes)),
    ...(await replacedMembers(app, release, anew, changes)),
  ]
  const unique = new Map(found.map((each) => [`${each.repository_id}:${each.rpm_id}`, each]))
  const touched = new Set([...unique.values()].map((each) => each.repository_id))
  for (const id of await repositoriesOfBuilds(app.db, retold)) touched.add(id)
  const repositories = placed
    .map(({ row }) => row)
    // The first generation is made even of nothing, so that clients find every repository.
    .filter((row) => touched.has(row.id) || row.generation_id === 0)
  return { changes: [...unique.values()], repositories }
}

/** Differences that the moved builds bring. */
async function changedMembers(app: App, placed: Placed[], changes: StageChange[]) {
  const found: ContentChange[] = []
  for (const part of chunks(changes, 100)) {
    const rpms = await rpmsOf(app.db, [...new Set(part.map((each) => each.build_id))])
    const members = await membersAmong(
      app.db,
      rpms.map((each) => each.rpm.id),
    )
    for (const change of part)
      for (const each of rpms.filter(({ build: of }) => of.id === change.build_id))
        for (const place of placed.filter(({ row }) => row.stage === change.stage)) {
          const is = members.has(`${place.row.id}:${each.rpm.id}`)
          const shall = change.stays && belongs(app, each, place)
          if (is === shall) continue
          const action = shall ? ('add' as const) : ('remove' as const)
          found.push({ repository_id: place.row.id, rpm_id: each.rpm.id, action })
        }
    await nextTurn()
  }
  return found
}

/** Differences of repositories whose rule of placement has changed: all that is tagged is looked at again. */
async function replacedMembers(
  app: App,
  release: string,
  anew: Placed[],
  changes: StageChange[],
): Promise<ContentChange[]> {
  const found: ContentChange[] = []
  for (const stage of ['stable', 'testing'] as const) {
    const places = anew.filter(({ row }) => row.stage === stage)
    if (places.length === 0) continue
    const wanted = new Map(places.map(({ row }) => [row.id, new Set<number>()]))
    for await (const build_ids of taggedPages(app, release, stage, changes))
      for (const each of await rpmsOf(app.db, build_ids))
        for (const place of places)
          if (belongs(app, each, place)) wanted.get(place.row.id)?.add(each.rpm.id)
    for (const [repository_id, shall] of wanted)
      found.push(...(await differences(app.db, repository_id, shall)))
  }
  return found
}

/** Ids of the builds that will be in a stage's tag, some at a time. */
async function* taggedPages(app: App, release: string, stage: Stage, changes: StageChange[]) {
  const own = changes.filter((change) => change.stage === stage)
  const moved = new Set(own.map((change) => change.build_id))
  for (const part of chunks(own.filter((change) => change.stays)))
    yield part.map((change) => change.build_id)
  const tag_id = await tagId(app.db, releaseTags(release)[stage])
  for (let after = 0; ; ) {
    const rows = await app.db
      .select({ id: tag_build.id, build_id: tag_build.build_id })
      .from(tag_build)
      .where(
        and(
          eq(tag_build.tag_id, tag_id),
          isNull(tag_build.removed_by_change),
          gt(tag_build.id, after),
        ),
      )
      .orderBy(asc(tag_build.id))
      .limit(100)
    const last = rows.at(-1)
    if (!last) return
    after = last.id
    yield rows.map((each) => each.build_id).filter((id) => !moved.has(id))
    await nextTurn()
  }
}

async function differences(
  db: Reader,
  repository_id: number,
  shall: Set<number>,
): Promise<ContentChange[]> {
  const found: ContentChange[] = []
  const missing = new Set(shall)
  for (let after = 0; ; ) {
    const rows = await db
      .select({ id: repository_rpm.id, rpm_id: repository_rpm.rpm_id })
      .from(repository_rpm)
      .where(membersAfter(repository_id, after))
      .orderBy(asc(repository_rpm.id))
      .limit(AT_ONCE)
    const last = rows.at(-1)
    if (!last) break
    after = last.id
    for (const { rpm_id } of rows)
      if (!missing.delete(rpm_id)) found.push({ repository_id, rpm_id, action: 'remove' })
    await nextTurn()
  }
  for (const rpm_id of missing) found.push({ repository_id, rpm_id, action: 'add' })
  return found
}

export const membersAfter = (repository_id: number, after: number) =>
  and(
    eq(repository_rpm.repository_id, repository_id),
    isNull(repository_rpm.to_generation),
    gt(repository_rpm.id, after),
  )

async function repositoriesOfBuilds(db: Reader, build_ids: number[]): Promise<number[]> {
  const found = new Set<number>()
  for (const part of chunks(build_ids)) {
    const rows = await db
      .selectDistinct({ id: repository_rpm.repository_id })
      .from(repository_rpm)
      .innerJoin(rpm, eq(rpm.id, repository_rpm.rpm_id))
      .where(and(inArray(rpm.build_id, part), isNull(repository_rpm.to_generation)))
    for (const { id } of rows) found.add(id)
  }
  return [...found]
}
