/**
 * An update's rules: when it may go to testing and to stable, when it goes by itself, when it is
 * obsolete. Pure: facts in, reasons out; pages, API, mail and pushes all ask here. The life cycle is
 * Bodhi's; where a rule is stricter, the comment says so.
 */

import { DAY_MS, HOUR_MS } from '../kernel/clock.ts'
import type { ReleasePolicy, ReleaseState } from '../kernel/distribution.ts'
import { compareEvr, type Evr } from '../kernel/evr.ts'
import { type Reason, reason } from '../kernel/reason.ts'

export const updateTypes = ['security', 'bugfix', 'enhancement', 'newpackage'] as const
export const severities = ['unspecified', 'low', 'medium', 'high', 'urgent'] as const
export const updateStatuses = ['pending', 'testing', 'stable', 'obsolete', 'unpushed'] as const
export const updateRequests = ['testing', 'stable', 'unpush', 'revoke', 'obsolete'] as const

export type UpdateType = (typeof updateTypes)[number]
export type Severity = (typeof severities)[number]
export type UpdateStatus = (typeof updateStatuses)[number]
export type UpdateRequest = (typeof updateRequests)[number]

/** Statuses in which votes count. */
export const VOTABLE: UpdateStatus[] = ['pending', 'testing']

/** What the rules know of an update. Times are milliseconds since the epoch. */
export interface UpdateFacts {
  now: number
  status: UpdateStatus
  /** When this revision reached testing. */
  testing_at: number | null
  /** Sum of the live votes of this revision, the submitter's own not among them. */
  karma: number
  stable_karma: number
  unstable_karma: number
  critical: boolean
  autokarma: boolean
  autotime: boolean
  autopush_stopped: boolean
  policy: ReleasePolicy
  release_state: ReleaseState
  /** Excepted from the freeze. */
  excepted: boolean
  gates: { check: string; required: boolean; passed: boolean; waived: boolean; message: string }[]
  /** Bugs and test cases with what testers said of them. */
  bugs: { number: string; required: boolean; net: number }[]
  testcases: { name: string; required: boolean; net: number }[]
  builds: { nvr: string; evr: Evr; complete: boolean; stable: { nvr: string; evr: Evr } | null }[]
  /** Waits for a sponsor to approve it. */
  held: boolean
}

/**
 * Whether an update waits for a sponsor: one of the first of somebody who is none.
 * @param pushed how many of their updates have been in testing
 */
export function isHeldForSponsor(
  submitter: { sponsors: boolean; pushed: number },
  policy: Pick<ReleasePolicy, 'newcomer_updates'>,
): boolean {
  return !submitter.sponsors && submitter.pushed < policy.newcomer_updates
}

/** The least karma that may carry an update: a submitter can't ask for less, critical packages for none at all. */
export function karmaFloor(
  policy: Pick<ReleasePolicy, 'stable_karma' | 'stable_karma_floor'>,
  critical: boolean,
): number {
  return critical ? policy.stable_karma : Math.min(policy.stable_karma, policy.stable_karma_floor)
}

/** What a submitter asks for against the release's policy, each fault with its field. */
export function thresholdFaults(
  asked: { stable_karma?: number | undefined; unstable_karma?: number | undefined },
  policy: ReleasePolicy,
  critical: boolean,
): { field: string; why: Reason }[] {
  const faults: { field: string; why: Reason }[] = []
  const floor = karmaFloor(policy, critical)
  if (asked.stable_karma !== undefined && asked.stable_karma < floor)
    faults.push({ field: 'stable_karma', why: reason('update.karma-floor', { floor }) })
  const limit = policy.unstable_karma
  if (asked.unstable_karma !== undefined && asked.unstable_karma < limit)
    faults.push({ field: 'unstable_karma', why: reason('update.unstable-floor', { limit }) })
  return faults
}

/** A build among those of a release's updates. */
export interface RivalBuild extends Evr {
  nvr: string
  /** Source package. */
  name: string
}

/**
 * Whether an update has nothing left that the builds of another one do not replace. Full EVR decides, epoch first.
 * @param own its builds. @param others of the other update, newer or published
 */
export function isOvertaken(own: readonly RivalBuild[], others: readonly RivalBuild[]): boolean {
  return own.every((build) =>
    others.some((other) => other.name === build.name && compareEvr(other, build) > 0),
  )
}

/** Days that an update of this kind must be in testing when karma alone does not carry it. */
export function testingDays(facts: Pick<UpdateFacts, 'critical' | 'policy'>): number {
  return facts.critical ? facts.policy.testing_days_critical : facts.policy.testing_days
}

const inTestingMs = (facts: UpdateFacts) =>
  facts.testing_at === null ? 0 : Math.max(0, facts.now - facts.testing_at)

/** Why an update may not be pushed to testing; empty when it may. */
export function mayGoTesting(facts: UpdateFacts): Reason[] {
  const reasons: Reason[] = []
  if (facts.status !== 'pending') reasons.push(reason('update.status', { status: facts.status }))
  if (facts.held) reasons.push(reason('update.held', { first: facts.policy.newcomer_updates }))
  for (const build of facts.builds)
    if (!build.complete) reasons.push(reason('update.build-incomplete', { nvr: build.nvr }))
  return reasons
}

/** Everything that an update still lacks for stable; empty when it may go. All rules must hold. */
export function mayGoStable(facts: UpdateFacts): Reason[] {
  if (facts.status !== 'testing') return [reason('update.not-in-testing', { status: facts.status })]
  return [
    ...gateReasons(facts),
    ...timeReasons(facts),
    ...feedbackReasons(facts),
    ...freezeReasons(facts),
    ...buildReasons(facts),
  ]
}

function gateReasons({ gates }: UpdateFacts): Reason[] {
  return gates
    .filter((gate) => gate.required && !gate.passed && !gate.waived)
    .map((gate) => reason('update.gate', { check: gate.check, message: gate.message }))
}

/** Karma or days; and some hours even with karma, which Bodhi lacks: a −1 takes time to come. */
function timeReasons(facts: UpdateFacts): Reason[] {
  const reasons: Reason[] = []
  const in_testing_ms = inTestingMs(facts)
  const need_days = testingDays(facts)
  if (facts.karma < facts.stable_karma && in_testing_ms < need_days * DAY_MS)
    reasons.push(
      reason('update.karma-or-days', {
        karma: facts.karma,
        need_karma: facts.stable_karma,
        days: Math.floor(in_testing_ms / DAY_MS),
        need_days,
      }),
    )
  const need_hours = facts.policy.testing_hours_minimum
  if (in_testing_ms < need_hours * HOUR_MS)
    reasons.push(
      reason('update.minimum-hours', { hours: Math.floor(in_testing_ms / HOUR_MS), need_hours }),
    )
  return reasons
}

/** Bodhi shows these and never enforces them; here what is marked required is required. */
function feedbackReasons({ bugs, testcases }: UpdateFacts): Reason[] {
  return [
    ...bugs
      .filter((bug) => bug.required && bug.net <= 0)
      .map((bug) => reason('update.bug-feedback', { bug: bug.number, net: bug.net })),
    ...testcases
      .filter((each) => each.required && each.net <= 0)
      .map((each) => reason('update.testcase-feedback', { name: each.name, net: each.net })),
  ]
}

function freezeReasons({ release_state, excepted }: UpdateFacts): Reason[] {
  if (release_state === 'archived') return [reason('update.release-archived')]
  return release_state === 'frozen' && !excepted ? [reason('update.frozen')] : []
}

function buildReasons({ builds }: UpdateFacts): Reason[] {
  return builds.flatMap((build) => {
    if (!build.complete) return [reason('update.build-incomplete', { nvr: build.nvr })]
    if (build.stable && compareEvr(build.evr, build.stable.evr) < 0)
      return [reason('update.older-than-stable', { nvr: build.nvr, stable: build.stable.nvr })]
    return []
  })
}

/** Whether an update asks for stable by itself now: by karma, or by time, where its submitter wants it. */
export function autopushDue(facts: UpdateFacts): 'karma' | 'time' | undefined {
  if (facts.autopush_stopped || mayGoStable(facts).length > 0) return undefined
  if (facts.autokarma && facts.karma >= facts.stable_karma) return 'karma'
  const enough = inTestingMs(facts) >= testingDays(facts) * DAY_MS
  return facts.autotime && enough ? 'time' : undefined
}

/**
 * Whether karma could have carried an update to stable, as its row tells: only then the other rules need be asked.
 * What time brings is asked elsewhere.
 */
export function mayBeDue(
  row: {
    request: UpdateRequest | null
    autopush_stopped_at: number | null
    autokarma: boolean
    stable_karma: number
  },
  karma: number,
): boolean {
  const { request, autopush_stopped_at, autokarma, stable_karma } = row
  return request === null && autopush_stopped_at === null && autokarma && karma >= stable_karma
}

/**
 * When time alone could next let an update go to stable by itself; null when only a change of something else can.
 * @returns milliseconds since the epoch, after `facts.now`
 */
export function nextAskAt(facts: UpdateFacts): number | null {
  const { status, testing_at, policy, now } = facts
  if (status !== 'testing' || testing_at === null) return null
  const ends = [policy.testing_hours_minimum * HOUR_MS, testingDays(facts) * DAY_MS]
  const ahead = ends.map((each) => testing_at + each).filter((at) => at > now)
  return ahead.length > 0 ? Math.min(...ahead) : null
}

/** Whether testers have sent it back: karma at or below the limit. */
export function isUnstable(
  facts: Pick<UpdateFacts, 'karma' | 'unstable_karma' | 'status'>,
): boolean {
  return VOTABLE.includes(facts.status) && facts.karma <= facts.unstable_karma
}

/** Which requests an update may take in a status, whoever asks. */
export function requestAllowed(status: UpdateStatus, request: UpdateRequest): boolean {
  const allowed: Record<UpdateStatus, UpdateRequest[]> = {
    pending: ['testing', 'revoke', 'obsolete', 'unpush'],
    testing: ['stable', 'revoke', 'obsolete', 'unpush'],
    unpushed: ['testing'],
    stable: [],
    obsolete: [],
  }
  return allowed[status].includes(request)
}
