/** Drizzle of the builds room. */
import { and, asc, desc, eq, gt, inArray, isNull, like, lt } from 'drizzle-orm'
import { build, pkg, rpm, tag, tag_build } from '../../db/schema/builds.ts'
import { chunks } from '../kernel/chunks.ts'
import type { Reader } from '../kernel/db.ts'

export type BuildRow = typeof build.$inferSelect
type PackageRow = typeof pkg.$inferSelect
export type RpmRow = typeof rpm.$inferSelect

export async function findBuild(db: Reader, nvr: string): Promise<BuildRow | undefined> {
  const [row] = await db.select().from(build).where(eq(build.nvr, nvr))
  return row
}

export async function findBuildById(db: Reader, id: number): Promise<BuildRow | undefined> {
  const [row] = await db.select().from(build).where(eq(build.id, id))
  return row
}

export async function findBuildOfTask(db: Reader, task_id: number): Promise<BuildRow | undefined> {
  const [row] = await db.select().from(build).where(eq(build.task_id, task_id))
  return row
}

export function rpmsOfBuilds(db: Reader, build_ids: number[]): Promise<RpmRow[]> {
  if (build_ids.length === 0) return Promise.resolve([])
  return db.select().from(rpm).where(inArray(rpm.build_id, build_ids)).orderBy(asc(rpm.filename))
}

export interface BuildFilter {
  package?: string | undefined
  state?: number | undefined
  owner_id?: number | undefined
}

export function buildRows(
  db: Reader,
  filter: BuildFilter,
  before: number | undefined,
  limit: number,
): Promise<BuildRow[]> {
  return db
    .select()
    .from(build)
    .where(
      and(
        filter.package === undefined ? undefined : eq(build.name, filter.package),
        filter.state === undefined ? undefined : eq(build.state, filter.state),
        filter.owner_id === undefined ? undefined : eq(build.owner_id, filter.owner_id),
        before === undefined ? undefined : lt(build.id, before),
      ),
    )
    .orderBy(desc(build.id))
    .limit(limit)
}

export function packageRows(
  db: Reader,
  search: string | undefined,
  after: string | undefined,
  limit: number,
): Promise<PackageRow[]> {
  const pattern = search && `%${search.replace(/[\\%_]/g, '')}%`
  return db
    .select()
    .from(pkg)
    .where(
      and(pattern ? like(pkg.name, pattern) : undefined, after ? gt(pkg.name, after) : undefined),
    )
    .orderBy(asc(pkg.name))
    .limit(limit)
}

/** Where the builds of a package are: each tag with the build that is in it. */
export function taggedOfPackage(db: Reader, package_id: number) {
  return db
    .select({ tag: tag.name, build })
    .from(tag_build)
    .innerJoin(tag, eq(tag.id, tag_build.tag_id))
    .innerJoin(build, eq(build.id, tag_build.build_id))
    .where(and(eq(tag_build.package_id, package_id), isNull(tag_build.removed_by_change)))
    .orderBy(asc(tag.name), desc(build.id))
}

export function buildsById(db: Reader, ids: number[]): Promise<BuildRow[]> {
  if (ids.length === 0) return Promise.resolve([])
  return db.select().from(build).where(inArray(build.id, ids)).orderBy(asc(build.nvr))
}

/** Builds of these packages that began as seeds, newest first. */
export function seedBuildsOf(db: Reader, names: string[]): Promise<BuildRow[]> {
  return db
    .select()
    .from(build)
    .where(and(inArray(build.name, names), eq(build.bootstrap, true)))
    .orderBy(desc(build.id))
}

/** Which build has each of these files, for those that one has. */
export async function buildsOfFiles(db: Reader, filenames: string[]) {
  const found: { filename: string; build_id: number; nvr: string }[] = []
  for (const part of chunks(filenames))
    found.push(
      ...(await db
        .select({ filename: rpm.filename, build_id: rpm.build_id, nvr: build.nvr })
        .from(rpm)
        .innerJoin(build, eq(build.id, rpm.build_id))
        .where(inArray(rpm.filename, part))),
    )
  return found
}
