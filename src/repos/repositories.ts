/** Repositories as rows, and what is in them by tag. */
import { and, asc, desc, eq, inArray, isNotNull } from 'drizzle-orm'
import { generation, repository } from '../../db/schema/repos.ts'
import { releaseTags } from '../builds/build.ts'
import { type BuildRow, type RpmRow, rpmsOfBuilds } from '../builds/builds.ts'
import { taggedBuilds } from '../builds/tags.ts'
import { describeRelease } from '../distribution/releases.ts'
import type { App, Ctx } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import { transaction } from '../kernel/transaction.ts'
import { archFits, repositoriesOf, type Stage } from './repository.ts'

export type RepositoryRow = typeof repository.$inferSelect
export type GenerationRow = typeof generation.$inferSelect

/** Makes rows for repositories that the distribution's data has and the database lacks. */
export async function syncRepositories(ctx: Ctx): Promise<void> {
  const { distribution } = ctx.app
  await transaction(ctx, async (tx) => {
    for (const release of distribution.releases)
      for (const { name, arch, path, release: of, stage } of repositoriesOf(
        distribution.id,
        release,
      ))
        await tx
          .insert(repository)
          .values({ name, arch, path, release: of, stage })
          .onConflictDoNothing()
  })
}

export function listRepositories(db: Reader, release?: string): Promise<RepositoryRow[]> {
  return db
    .select()
    .from(repository)
    .where(release === undefined ? undefined : eq(repository.release, release))
    .orderBy(asc(repository.path))
}

/** The repository that a client means; source repositories answer for every arch. */
export async function findRepository(
  db: Reader,
  name: string,
  arch: string,
): Promise<RepositoryRow | undefined> {
  const rows = await db
    .select()
    .from(repository)
    .where(and(eq(repository.name, name), inArray(repository.arch, [arch, 'src'])))
  return rows.find((row) => row.arch === arch) ?? rows[0]
}

/** Newest generations first, the published ones only: a push's drafts do not count against the limit. */
export function publishedGenerations(
  db: Reader,
  repository_id: number,
  limit = 20,
): Promise<GenerationRow[]> {
  return db
    .select()
    .from(generation)
    .where(and(eq(generation.repository_id, repository_id), isNotNull(generation.published_at)))
    .orderBy(desc(generation.id))
    .limit(limit)
}

/** What a push made of each repository, published or not. */
export async function draftedGenerations(db: Reader, push_id: number) {
  return db
    .select({ repository, generation })
    .from(generation)
    .innerJoin(repository, eq(repository.id, generation.repository_id))
    .where(eq(generation.push_id, push_id))
    .orderBy(asc(repository.path))
}

export interface PlacedRpm {
  rpm: RpmRow
  build: BuildRow
}

/** What belongs into each repository of a release and stage, by the tags as they are now. */
export async function repositoryContents(
  app: App,
  release: string,
  stage: Stage,
): Promise<Map<RepositoryRow, PlacedRpm[]>> {
  const builds = await taggedBuilds(app.db, releaseTags(release)[stage])
  const byId = new Map(builds.map((build) => [build.id, build]))
  const rpms = await rpmsOfBuilds(app.db, [...byId.keys()])
  const placed = rpms.flatMap((rpm) => {
    const build = byId.get(rpm.build_id)
    return build ? [{ rpm, build }] : []
  })
  const rows = await listRepositories(app.db, release)
  const ids = new Map(
    repositoriesOf(app.distribution.id, describeRelease(app, release)).map((each) => [
      each.path,
      each.id,
    ]),
  )
  return new Map(
    rows
      .filter((row) => row.stage === stage)
      .map((row) => [
        row,
        placed.filter(
          ({ rpm, build }) =>
            archFits(rpm.arch, row.arch) &&
            app.distribution.repositoryOf(build.name) === ids.get(row.path),
        ),
      ]),
  )
}

/** The repositories of a release, each with the metadata that clients see now, if there is any. */
export async function currentRepositories(ctx: Ctx, release: string) {
  const rows = await ctx.app.db
    .select({
      repository,
      published_at: generation.published_at,
      rpm_ids: generation.rpm_ids,
    })
    .from(repository)
    .leftJoin(generation, eq(generation.id, repository.generation_id))
    .where(eq(repository.release, release))
    .orderBy(asc(repository.path))
  return rows.map(({ repository: row, published_at, rpm_ids }) => ({
    repository: row,
    published_at,
    packages: rpm_ids?.length ?? 0,
  }))
}
