/** Drizzle of the releases room; no decisions. */
import { and, asc, count, desc, eq, gte, inArray, ne, sum } from 'drizzle-orm'
import { build, rpm } from '../../db/schema/builds.ts'
import {
  blocker,
  blocker_vote,
  milestone,
  milestone_slip,
  package_claim,
  readiness_day,
  release_decision,
} from '../../db/schema/releases.ts'
import type { Reader } from '../kernel/db.ts'
import type { BlockerKind, BlockerState } from './blocker.ts'

export type MilestoneRow = typeof milestone.$inferSelect
export type SlipRow = typeof milestone_slip.$inferSelect
export type BlockerRow = typeof blocker.$inferSelect
export type BlockerVoteRow = typeof blocker_vote.$inferSelect
export type DecisionRow = typeof release_decision.$inferSelect
export type ClaimRow = typeof package_claim.$inferSelect
export type DayRow = typeof readiness_day.$inferSelect

export function milestoneRows(db: Reader, release: string): Promise<MilestoneRow[]> {
  return db
    .select()
    .from(milestone)
    .where(eq(milestone.release, release))
    .orderBy(asc(milestone.position), asc(milestone.id))
}

export function slipRows(db: Reader, milestone_ids: number[]): Promise<SlipRow[]> {
  if (milestone_ids.length === 0) return Promise.resolve([])
  return db
    .select()
    .from(milestone_slip)
    .where(inArray(milestone_slip.milestone_id, milestone_ids))
    .orderBy(asc(milestone_slip.id))
}

export interface BlockerFilter {
  kind?: BlockerKind | undefined
  state?: BlockerState | undefined
}

export function blockerRows(
  db: Reader,
  release: string,
  { kind, state }: BlockerFilter = {},
): Promise<BlockerRow[]> {
  return db
    .select()
    .from(blocker)
    .where(
      and(
        eq(blocker.release, release),
        kind && eq(blocker.kind, kind),
        state && eq(blocker.state, state),
      ),
    )
    .orderBy(desc(blocker.id))
    .limit(500)
}

export async function findBlocker(db: Reader, id: number): Promise<BlockerRow | undefined> {
  const [row] = await db.select().from(blocker).where(eq(blocker.id, id))
  return row
}

export function blockerVotes(db: Reader, blocker_id: number): Promise<BlockerVoteRow[]> {
  return db
    .select()
    .from(blocker_vote)
    .where(eq(blocker_vote.blocker_id, blocker_id))
    .orderBy(asc(blocker_vote.at), asc(blocker_vote.id))
}

/** Votes and their sums of many proposals at once. */
export async function voteSums(db: Reader, ids: number[]) {
  if (ids.length === 0) return new Map<number, { votes: number; sum: number }>()
  const rows = await db
    .select({ id: blocker_vote.blocker_id, votes: count(), sum: sum(blocker_vote.vote) })
    .from(blocker_vote)
    .where(inArray(blocker_vote.blocker_id, ids))
    .groupBy(blocker_vote.blocker_id)
  return new Map(rows.map((row) => [row.id, { votes: row.votes, sum: Number(row.sum ?? 0) }]))
}

export function decisionRows(db: Reader, release: string): Promise<DecisionRow[]> {
  return db
    .select()
    .from(release_decision)
    .where(eq(release_decision.release, release))
    .orderBy(desc(release_decision.id))
}

export function claimRows(db: Reader, release: string): Promise<ClaimRow[]> {
  return db.select().from(package_claim).where(eq(package_claim.release, release))
}

export function dayRows(db: Reader, release: string, since: string): Promise<DayRow[]> {
  return db
    .select()
    .from(readiness_day)
    .where(and(eq(readiness_day.release, release), gte(readiness_day.day, since)))
    .orderBy(asc(readiness_day.day))
}

/** Builds for a target, newest first, without what readiness does not ask. */
export function buildsForTarget(db: Reader, target: string) {
  const { id, name, nvr, epoch, version, release, state, reason, bootstrap, owner_id } = build
  return db
    .select({ id, name, nvr, epoch, version, release, state, reason, bootstrap, owner_id })
    .from(build)
    .where(eq(build.target, target))
    .orderBy(desc(build.id))
}

/** Names of the binary packages that complete builds for a target have made. */
export async function rpmNamesForTarget(db: Reader, target: string): Promise<Set<string>> {
  const rows = await db
    .selectDistinct({ name: rpm.name })
    .from(rpm)
    .innerJoin(build, eq(build.id, rpm.build_id))
    .where(and(eq(build.target, target), ne(rpm.arch, 'src')))
  return new Set(rows.map(({ name }) => name))
}

/** Which arches builds for a target have packages of; the source package does not count. */
export function archesForTarget(db: Reader, target: string) {
  return db
    .selectDistinct({ build_id: rpm.build_id, arch: rpm.arch })
    .from(rpm)
    .innerJoin(build, eq(build.id, rpm.build_id))
    .where(eq(build.target, target))
}
