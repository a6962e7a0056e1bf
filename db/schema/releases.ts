/** The way to a release: its schedule with slips, blockers and exceptions, decisions, claims, readiness. */
import { id, index, int, json, table, text, time, unique } from '../columns.ts'

export const milestone = table(
  'milestone',
  {
    id: id(),
    release: text().notNull(),
    /** As content/distribution.yaml names it. */
    key: text().notNull(),
    name: text().notNull(),
    position: int().notNull(),
    /** What was planned first: YYYY-MM-DD. */
    first_date: text().notNull(),
    /** What holds now. */
    date: text().notNull(),
    reached_at: time(),
  },
  (t) => [unique('milestone_key').on(t.release, t.key)],
)

/** A moved date stays on record, with who moved it and why. */
export const milestone_slip = table(
  'milestone_slip',
  {
    id: id(),
    milestone_id: int().notNull(),
    from_date: text().notNull(),
    to_date: text().notNull(),
    reason: text().notNull(),
    decided_by: text().notNull(),
    at: time().notNull(),
  },
  (t) => [index('milestone_slip_milestone').on(t.milestone_id, t.id)],
)

/** Something that must not ship (blocker), or that may still go in during a freeze (exception). */
export const blocker = table(
  'blocker',
  {
    id: id(),
    release: text().notNull(),
    kind: text<'blocker' | 'exception'>().notNull(),
    title: text().notNull(),
    /** Id of the criterion of content/distribution.yaml that it violates. */
    criterion: text().notNull(),
    justification: text().notNull(),
    /** Address of the bug. */
    bug_url: text().notNull().default(''),
    /** Alias of the update that mends it, or that wants the exception. */
    update_alias: text(),
    state: text<'proposed' | 'accepted' | 'rejected' | 'resolved'>().notNull(),
    proposer_id: int().notNull(),
    proposer: text().notNull(),
    decided_by: text(),
    decision_reason: text(),
    created_at: time().notNull(),
    decided_at: time(),
  },
  (t) => [index('blocker_release').on(t.release, t.state, t.id)],
)

export const blocker_vote = table(
  'blocker_vote',
  {
    id: id(),
    blocker_id: int().notNull(),
    person_id: int().notNull(),
    username: text().notNull(),
    vote: int().notNull(),
    comment: text().notNull(),
    at: time().notNull(),
  },
  (t) => [unique('blocker_vote_one').on(t.blocker_id, t.person_id)],
)

/** Go or no-go, with everything that was known at that moment. */
export const release_decision = table(
  'release_decision',
  {
    id: id(),
    release: text().notNull(),
    milestone: text().notNull(),
    decision: text<'go' | 'no-go'>().notNull(),
    reason: text().notNull(),
    decided_by: text().notNull(),
    /** Readiness, open blockers and reasons as they were. */
    state: json<Record<string, unknown>>().notNull(),
    at: time().notNull(),
  },
  (t) => [index('release_decision_release').on(t.release, t.id)],
)

/** Who said that they take care of a package that is not ready yet. */
export const package_claim = table(
  'package_claim',
  {
    id: id(),
    release: text().notNull(),
    package: text().notNull(),
    person_id: int().notNull(),
    username: text().notNull(),
    at: time().notNull(),
  },
  (t) => [unique('package_claim_one').on(t.release, t.package)],
)

/** Readiness at the end of each day, for the burn-up. */
export const readiness_day = table(
  'readiness_day',
  {
    id: id(),
    release: text().notNull(),
    /** YYYY-MM-DD, UTC. */
    day: text().notNull(),
    repository: text().notNull(),
    arch: text().notNull(),
    stable: int().notNull(),
    testing: int().notNull(),
    built: int().notNull(),
    missing: int().notNull(),
  },
  (t) => [unique('readiness_day_one').on(t.release, t.day, t.repository, t.arch)],
)
