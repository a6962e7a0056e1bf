/** All that the portal knows of one source package; its page and its JSON ask here. */
import { type BuildRow, type PackageRow, viewPackage } from '../builds/builds.ts'
import { contentFiles } from '../builds/sources.ts'
import { type AdvisoryRow, advisoriesOf } from '../errata/errata.ts'
import type { Ctx } from '../kernel/context.ts'
import { type OwnersView, ownersView } from '../packages/views.ts'
import { type Place, placesOfPackage } from '../repos/places.ts'
import { summariesOfPackage, type UpdateSummary } from './lists.ts'
import { type KnownBug, knownBugs, newBugUrl } from './package.ts'
import { aliasesOfPackage, bugsOfPackage } from './queries.ts'

export interface PackageOverview {
  package: PackageRow
  /** Who looks after it, and the names of its binary packages. */
  keeping: OwnersView
  /** Of the newest complete build among `builds`. */
  description: string
  /** Id of the repository that it belongs into. */
  repository: string
  /** Releases in which its updates wait longer. */
  critical_in: string[]
  /** Newest first; `more` when there are others. */
  builds: BuildRow[]
  more: boolean
  updates: UpdateSummary[]
  /** Newest first. */
  errata: AdvisoryRow[]
  places: Place[]
  /** Names of the files in content/packages that it is built from; empty for all others. */
  files: string[]
  bugs: KnownBug[]
  new_bug_url: string | undefined
}

/** @throws PortalError package.unknown */
export async function packageOverview(ctx: Ctx, name: string): Promise<PackageOverview> {
  const { db, distribution } = ctx.app
  const { package: row, builds, more, tagged } = await viewPackage(ctx, name)
  const advisories = await advisoriesOf(db, await aliasesOfPackage(db, name))
  return {
    ...{ package: row, builds, more },
    keeping: await ownersView(ctx, row),
    description: builds.find(({ description }) => description !== '')?.description ?? '',
    repository: distribution.repositoryOf(name),
    critical_in: distribution.releases
      .filter((each) => each.critical_packages.includes(name))
      .map((each) => each.name),
    updates: await summariesOfPackage(ctx, name),
    errata: [...advisories.values()].sort((a, b) => b.id - a.id),
    places: await placesOfPackage(ctx, name, tagged),
    files: row.source?.kind === 'content' ? await contentFiles(ctx.app, name) : [],
    bugs: knownBugs(await bugsOfPackage(db, name)),
    new_bug_url: newBugUrl(distribution.community, name),
  }
}
