/**
 * Readiness of a package for a release, on one arch: a state, and for every "not yet" its reasons. Pure;
 * nobody types it in.
 */
import { type Reason, reason } from '../kernel/reason.ts'
import type { UpdateStatus } from '../updates/update.ts'

export const readinessStates = ['stable', 'testing', 'built', 'missing'] as const
export type ReadinessState = (typeof readinessStates)[number]

/** A build of the package, as much as readiness asks. */
export interface KnownBuild {
  nvr: string
  /** At least what upstream ships. */
  current: boolean
  /** Arches that it has packages of; noarch ones fit every arch. */
  arches: readonly string[]
  /** Where it stands. */
  tag: 'stable' | 'testing' | 'none'
  update?: { alias: string; status: UpdateStatus; waits_for: readonly Reason[] } | undefined
  /** A seed: goes to stable without an update. */
  bootstrap: boolean
}

export interface PackageFacts {
  name: string
  /** What upstream ships, as `version-release`; undefined for the distribution's own. */
  wanted: string | undefined
  /** Complete builds, newest first. */
  builds: readonly KnownBuild[]
  /** The latest try, where it did not become a build. */
  attempt:
    | { nvr: string; state: 'building' | 'failed' | 'canceled'; why?: Reason | undefined }
    | undefined
  /** Upstream's packages that it is built with and that were never built here, by name. */
  lacking: readonly string[]
  /** Who takes care of it. */
  assigned: string | undefined
}

export interface Readiness {
  state: ReadinessState
  /** Empty for `stable`. */
  reasons: Reason[]
}

/** So many names stand in a sentence; what is left is counted. */
const NAMED = 5

const fits = (build: KnownBuild, arch: string) =>
  build.arches.includes(arch) || build.arches.includes('noarch')

export function readinessOf(facts: PackageFacts, arch: string): Readiness {
  const good = facts.builds.filter((build) => build.current && fits(build, arch))
  if (good.some(({ tag }) => tag === 'stable')) return { state: 'stable', reasons: [] }
  const testing = good.find(({ tag }) => tag === 'testing')
  if (testing) return { state: 'testing', reasons: testingReasons(testing) }
  const [built] = good
  if (built) return { state: 'built', reasons: builtReasons(built) }
  return { state: 'missing', reasons: missingReasons(facts, arch) }
}

function testingReasons({ nvr, update }: KnownBuild): Reason[] {
  const alias = update?.alias ?? nvr
  const first = reason('readiness.in-testing', { alias })
  return [first, ...(update?.waits_for ?? [])]
}

function builtReasons({ nvr, update, bootstrap }: KnownBuild): Reason[] {
  if (bootstrap) return [reason('readiness.next-push', { nvr })]
  if (!update) return [reason('readiness.no-update', { nvr })]
  return [reason('readiness.update-pending', { alias: update.alias }), ...update.waits_for]
}

function missingReasons(facts: PackageFacts, arch: string): Reason[] {
  const reasons: Reason[] = []
  const { attempt, builds, wanted = '' } = facts
  if (attempt) reasons.push(reason(`readiness.build-${attempt.state}`, { nvr: attempt.nvr }))
  if (attempt?.why) reasons.push(attempt.why)
  const elsewhere = builds.find((build) => build.current)
  const older = builds.find((build) => !build.current)
  if (elsewhere) reasons.push(reason('readiness.no-arch', { nvr: elsewhere.nvr, arch }))
  else if (older) reasons.push(reason('readiness.older', { nvr: older.nvr, wanted }))
  else if (!attempt) reasons.push(reason('readiness.never-built'))
  if (facts.lacking.length > 0)
    reasons.push(
      reason('readiness.requirements', {
        ...{ count: facts.lacking.length, more: Math.max(0, facts.lacking.length - NAMED) },
        names: facts.lacking.slice(0, NAMED).join(', '),
      }),
    )
  if (facts.assigned === undefined) reasons.push(reason('readiness.nobody'))
  return reasons
}

export type Counts = Record<ReadinessState, number>

export function countStates(states: Iterable<ReadinessState>): Counts {
  const counts: Counts = { stable: 0, testing: 0, built: 0, missing: 0 }
  for (const state of states) counts[state]++
  return counts
}

export const totalOf = (counts: Counts) =>
  readinessStates.reduce((sum, state) => sum + counts[state], 0)

/** Whole percents that are stable; never 100 while something lacks. */
export function percentStable(counts: Counts): number {
  const total = totalOf(counts)
  return total === 0 ? 0 : Math.floor((counts.stable * 100) / total)
}
