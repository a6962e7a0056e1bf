/**
 * The readiness report of a release: every package that it must reach, on every arch, with its reasons. It is
 * computed from upstream's list, builds, tags and updates, and kept for as long as nothing has happened.
 */
import { buildState, releaseTags } from '../builds/build.ts'
import { taggedBuilds } from '../builds/tags.ts'
import { describeRelease, getRelease } from '../distribution/releases.ts'
import { MINUTE_MS } from '../kernel/clock.ts'
import type { App, Ctx } from '../kernel/context.ts'
import type { ReleaseDescription } from '../kernel/distribution.ts'
import { lastEventId } from '../kernel/events.ts'
import { contentPackages } from '../packages/names.ts'
import { standingOfBuilds } from '../updates/freeze.ts'
import { listUpstream, type UpstreamRow } from '../upstream/imports.ts'
import {
  compareWithUpstream,
  type ReleaseSuffixes,
  sourceOfRequirement,
} from '../upstream/upstream-package.ts'
import { archesForTarget, buildsForTarget, claimRows, rpmNamesForTarget } from './queries.ts'
import {
  type Counts,
  countStates,
  type KnownBuild,
  type PackageFacts,
  type Readiness,
  readinessOf,
} from './readiness.ts'

export interface PackageReport {
  name: string
  /** Id of the repository that it belongs into. */
  repository: string
  /** `version-release` that upstream ships; undefined for the distribution's own. */
  wanted: string | undefined
  /** The build that counts for it, if there is one. */
  nvr: string | undefined
  assigned: string | undefined
  /** Somebody has tried to build it, so it has a page of its own. */
  tried: boolean
  by_arch: { arch: string; readiness: Readiness }[]
}

export interface ReadinessReport {
  release: string
  /** Milliseconds since the epoch. */
  made_at: number
  arches: string[]
  packages: PackageReport[]
  /** By repository and arch. */
  counts: { repository: string; arch: string; counts: Counts }[]
  total: Counts
  /** Packages that upstream's list has; 0 before the first import. */
  from_upstream: number
}

type Build = Awaited<ReturnType<typeof buildsForTarget>>[number]

/** Everything that was asked of the database, by package or build. */
interface Known {
  builds: Map<string, Build[]>
  arches: Map<number, string[]>
  stable: Set<number>
  testing: Set<number>
  standings: Awaited<ReturnType<typeof standingOfBuilds>>
  claims: Map<string, string>
  suffixes: ReleaseSuffixes
  /** Upstream's source packages that have no complete build here. */
  unbuilt: Set<string>
  /** Names of binary packages that are built here. */
  rpms: Set<string>
}

/** What is done without delay; of a longer report one is made in so many times what it takes. */
const SHORT_MS = 200
const REST = 10

interface Kept {
  /** The last fact that it knows of, and the minute: days in testing pass by themselves. */
  key: string
  /** Being made, or made. */
  report: Promise<ReadinessReport>
  /** Until when it stands whatever happens, milliseconds of performance.now(). */
  stands_until: number
}

const kept = new WeakMap<App['database'], Map<string, Kept>>()

/**
 * @returns the same report while nothing happened, and at most a minute old. All who ask at once share one. That of a
 *   whole distribution takes time, and on a busy day something happens always: it stands a while, so that asking for
 *   it again and again takes no more than a tenth of a processor.
 * @throws PortalError not-found
 */
export async function readinessReport(ctx: Ctx, release: string): Promise<ReadinessReport> {
  const { app } = ctx
  const reports = kept.get(app.database) ?? new Map<string, Kept>()
  kept.set(app.database, reports)
  const known = reports.get(release)
  if (known && known.stands_until > performance.now()) return known.report
  const key = `${await lastEventId(app.db)}:${Math.floor(app.clock.now() / MINUTE_MS)}`
  // Another may have begun while this one asked.
  const now = reports.get(release)
  if (now && (now.key === key || now.stands_until > performance.now())) return now.report
  const began = performance.now()
  const report = makeReport(ctx, release)
  const made: Kept = { key, report, stands_until: Number.POSITIVE_INFINITY }
  reports.set(release, made)
  try {
    await report
    const took_ms = performance.now() - began
    made.stands_until = took_ms > SHORT_MS ? performance.now() + REST * took_ms : 0
  } catch (error) {
    reports.delete(release)
    throw error
  }
  return report
}

async function makeReport(ctx: Ctx, release: string): Promise<ReadinessReport> {
  const { app } = ctx
  await getRelease(app.db, release)
  const about = describeRelease(app, release)
  const upstream = await listUpstream(ctx, release)
  const known = await gather(ctx, about, upstream)
  const shipped = new Set(upstream.map(({ name }) => name))
  const own = (await contentPackages(app)).filter((name) => !shipped.has(name))
  const packages = [
    ...upstream.map((row) => reportOf(row.name, row.repository, row, known, about.arches)),
    ...own.map((name) =>
      reportOf(name, app.distribution.repositoryOf(name), undefined, known, about.arches),
    ),
  ].sort((a, b) => (a.name < b.name ? -1 : 1))
  const counts = about.repositories.flatMap(({ id: repository }) =>
    about.arches.map((arch) => ({ repository, arch, counts: countOf(packages, repository, arch) })),
  )
  return {
    ...{ release, made_at: app.clock.now(), arches: about.arches, packages, counts },
    total: countStates(packages.flatMap((each) => each.by_arch.map((at) => at.readiness.state))),
    from_upstream: upstream.length,
  }
}

function countOf(packages: PackageReport[], repository: string, arch: string): Counts {
  const own = packages.filter((each) => each.repository === repository)
  return countStates(
    own.flatMap(({ by_arch }) =>
      by_arch.filter((at) => at.arch === arch).map((at) => at.readiness.state),
    ),
  )
}

async function gather(
  ctx: Ctx,
  about: ReleaseDescription,
  upstream: UpstreamRow[],
): Promise<Known> {
  const { db } = ctx.app
  const { name: release } = about
  const tags = releaseTags(release)
  const builds = new Map<string, Build[]>()
  for (const each of await buildsForTarget(db, release))
    builds.set(each.name, [...(builds.get(each.name) ?? []), each])
  const arches = new Map<number, string[]>()
  for (const { build_id, arch } of await archesForTarget(db, release))
    if (arch !== 'src') arches.set(build_id, [...(arches.get(build_id) ?? []), arch])
  const stable = new Set((await taggedBuilds(db, tags.stable)).map(({ id }) => id))
  const testing = await taggedBuilds(db, tags.testing)
  const candidate = await taggedBuilds(db, tags.candidate)
  const open = [...testing, ...candidate].map(({ id }) => id)
  const claims = await claimRows(db, release)
  const isBuilt = (name: string) =>
    builds.get(name)?.some(({ state }) => state === buildState.COMPLETE) ?? false
  return {
    unbuilt: new Set(upstream.map(({ name }) => name).filter((name) => !isBuilt(name))),
    rpms: await rpmNamesForTarget(db, release),
    ...{ builds, arches, stable },
    testing: new Set(testing.map(({ id }) => id)),
    standings: await standingOfBuilds(ctx, open),
    claims: new Map(claims.map((row) => [row.package, row.username])),
    suffixes: {
      upstream_dist: about.upstream.dist,
      own_dist: about.dist,
      rebuild_suffix: about.upstream.rebuild_suffix,
    },
  }
}

function reportOf(
  name: string,
  repository: string,
  row: UpstreamRow | undefined,
  known: Known,
  arches: string[],
): PackageReport {
  const facts = factsOf(name, row, known)
  const by_arch = arches.map((arch) => ({ arch, readiness: readinessOf(facts, arch) }))
  const nvr = (facts.builds.find((each) => each.current) ?? facts.builds[0])?.nvr
  const { wanted, assigned } = facts
  return { name, repository, wanted, nvr, assigned, tried: known.builds.has(name), by_arch }
}

function factsOf(name: string, row: UpstreamRow | undefined, known: Known): PackageFacts {
  const all = known.builds.get(name) ?? []
  const complete = all.filter(({ state }) => state === buildState.COMPLETE)
  const [latest] = all
  const builds = complete.map((each): KnownBuild => {
    const upstream = row && { ...row, release: row.rpm_release }
    const current = !upstream || compareWithUpstream(each, upstream, known.suffixes) >= 0
    const tag = known.stable.has(each.id)
      ? 'stable'
      : known.testing.has(each.id)
        ? 'testing'
        : 'none'
    const update = known.standings.get(each.id)
    const { nvr, bootstrap } = each
    return { nvr, current, tag, update, bootstrap, arches: known.arches.get(each.id) ?? [] }
  })
  return {
    ...{ name, builds },
    wanted: row && `${row.version}-${row.rpm_release}`,
    attempt: latest && attemptOf(latest),
    lacking: row ? lackingOf(row, known) : [],
    assigned: known.claims.get(name),
  }
}

function lackingOf({ name, requires }: UpstreamRow, { unbuilt, rpms }: Known): string[] {
  const sources = requires.flatMap((each) => {
    if (rpms.has(each)) return []
    const source = sourceOfRequirement(each, unbuilt)
    return source === undefined || source === name ? [] : [source]
  })
  return [...new Set(sources)]
}

function attemptOf({ nvr, state, reason }: Build): PackageFacts['attempt'] {
  if (state === buildState.BUILDING) return { nvr, state: 'building' }
  if (state === buildState.CANCELED) return { nvr, state: 'canceled' }
  if (state === buildState.FAILED) return { nvr, state: 'failed', why: reason ?? undefined }
  return undefined
}

/** What a package page or API call needs of one package. */
export async function readinessOfPackage(ctx: Ctx, release: string, name: string) {
  const report = await readinessReport(ctx, release)
  return report.packages.find((each) => each.name === name)
}
