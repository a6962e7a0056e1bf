/** Where a package is: each repository that it belongs into, with what clients see of it now. */
import { asc, eq } from 'drizzle-orm'
import { build, rpm } from '../../db/schema/builds.ts'
import { generation, repository } from '../../db/schema/repos.ts'
import { releaseTags } from '../builds/build.ts'
import { listReleases } from '../distribution/releases.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import { membersAmong } from './content.ts'
import { type PlacedBuild, type Standing, standingIn } from './place.ts'
import type { RepositoryRow } from './repositories.ts'
import { packageHref, repositoriesOf } from './repository.ts'

export interface Place extends Standing {
  repository: RepositoryRow
  /** Milliseconds since the epoch; null while nothing of the repository is published. */
  published_at: number | null
  /** In the source repository: address under /pub of the newest source package. */
  srpm_path: string | undefined
}

interface Known extends PlacedBuild {
  id: number
  rpms: { id: number; arch: string; filename: string }[]
}

/** @param tagged builds of the package with the tag that each is in */
export async function placesOfPackage(
  ctx: Ctx,
  name: string,
  tagged: { tag: string; build: { id: number } }[],
): Promise<Place[]> {
  const known = await knownBuilds(ctx.app.db, name)
  const places: Place[] = []
  for (const { name: release } of await listReleases(ctx)) {
    const paths = pathsOf(ctx, release, name)
    const rows = await publishedNow(ctx.app.db, release)
    const members = await membersAmong(
      ctx.app.db,
      known.flatMap(({ rpms }) => rpms.map(({ id }) => id)),
    )
    for (const row of rows.filter(({ repository: { path } }) => paths.has(path)).sort(inOrder)) {
      const tag = releaseTags(release)[row.repository.stage]
      const ids = new Set(tagged.filter((each) => each.tag === tag).map((each) => each.build.id))
      const inTag = known.filter((each) => ids.has(each.id))
      places.push(placeOf(row, members, known, inTag))
    }
  }
  return places
}

/** The package belongs into one repository of a release, which has a tree for each stage and arch. */
function pathsOf(ctx: Ctx, release: string, name: string): Set<string> {
  const { distribution } = ctx.app
  const about = distribution.releases.find((each) => each.name === release)
  const id = distribution.repositoryOf(name)
  const addresses = about ? repositoriesOf(distribution.id, about) : []
  return new Set(addresses.filter((each) => each.id === id).map(({ path }) => path))
}

type Published = Awaited<ReturnType<typeof publishedNow>>[number]

/** Stable first; sources behind what is made of them. */
function inOrder({ repository: a }: Published, { repository: b }: Published): number {
  const rank = (row: RepositoryRow) =>
    Number(row.stage === 'testing') * 2 + Number(row.arch === 'src')
  return rank(a) - rank(b)
}

function publishedNow(db: Reader, release: string) {
  return db
    .select({ repository, published_at: generation.published_at })
    .from(repository)
    .leftJoin(generation, eq(generation.id, repository.generation_id))
    .where(eq(repository.release, release))
    .orderBy(asc(repository.path))
}

/** Every build of the package that has packages. */
async function knownBuilds(db: Reader, name: string): Promise<Known[]> {
  const { id, nvr, epoch, version, release } = build
  const rows = await db
    .select({
      build: { id, nvr, epoch, version, release },
      rpm: { id: rpm.id, arch: rpm.arch, filename: rpm.filename },
    })
    .from(build)
    .innerJoin(rpm, eq(rpm.build_id, build.id))
    .where(eq(build.name, name))
  const known = new Map<number, Known>()
  for (const { build: row, rpm: file } of rows) {
    const before = known.get(row.id)
    const rpms = [...(before?.rpms ?? []), file]
    known.set(row.id, { ...row, rpms, arches: [...new Set(rpms.map(({ arch }) => arch))] })
  }
  return [...known.values()]
}

/** @param members as membersAmong says them */
function placeOf(row: Published, members: Set<string>, known: Known[], tagged: Known[]): Place {
  const { id: repository_id, stage, arch, path } = row.repository
  const published = known.filter((each) =>
    each.rpms.some(({ id }) => members.has(`${repository_id}:${id}`)),
  )
  const standing = standingIn({ stage, arch, published, tagged })
  const newest = published.find(({ nvr }) => nvr === standing.nvr)
  const srpm = newest?.rpms.find((file) => file.arch === 'src' && arch === 'src')
  return {
    ...{ ...standing, repository: row.repository, published_at: row.published_at },
    srpm_path: srpm && `${path}/${packageHref(srpm.filename)}`,
  }
}
