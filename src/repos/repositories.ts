/** Repositories as rows, and what is in them by tag. */
import { and, asc, desc, eq, inArray, isNotNull } from 'drizzle-orm'
import { generation, repository } from '../../db/schema/repos.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import { transaction } from '../kernel/transaction.ts'
import { repositoriesOf } from './repository.ts'

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

/** The repositories of a release, each with the metadata that clients see now, if there is any. */
export async function currentRepositories(ctx: Ctx, release: string) {
  const rows = await ctx.app.db
    .select({
      repository,
      published_at: generation.published_at,
      packages: generation.packages,
    })
    .from(repository)
    .leftJoin(generation, eq(generation.id, repository.generation_id))
    .where(eq(repository.release, release))
    .orderBy(asc(repository.path))
  return rows.map((row) => ({ ...row, packages: row.packages ?? 0 }))
}
