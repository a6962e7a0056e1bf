/** Drizzle of the updates room; no decisions. */
import {
  and,
  asc,
  count,
  desc,
  eq,
  inArray,
  isNotNull,
  isNull,
  like,
  lt,
  ne,
  or,
  type SQL,
  sum,
} from 'drizzle-orm'
import { build } from '../../db/schema/builds.ts'
import {
  comment,
  gate_result,
  update,
  update_bug,
  update_build,
  update_cve,
  update_testcase,
  vote,
} from '../../db/schema/updates.ts'
import type { BuildRow } from '../builds/builds.ts'
import { chunks } from '../kernel/chunks.ts'
import type { Reader } from '../kernel/db.ts'
import type { UpdateStatus, UpdateType } from './update.ts'

export type UpdateRow = typeof update.$inferSelect
export type VoteRow = typeof vote.$inferSelect
export type CommentRow = typeof comment.$inferSelect
export type GateRow = typeof gate_result.$inferSelect

export async function findUpdate(db: Reader, alias: string): Promise<UpdateRow | undefined> {
  const [row] = await db.select().from(update).where(eq(update.alias, alias))
  return row
}

/** Builds of updates, with the update that each is in. */
export function buildsOfUpdates(db: Reader, update_ids: number[]) {
  return db
    .select({ update_id: update_build.update_id, build })
    .from(update_build)
    .innerJoin(build, eq(build.id, update_build.build_id))
    .where(inArray(update_build.update_id, update_ids))
    .orderBy(asc(build.nvr))
}

/** Builds of updates, by update. */
export async function buildsByUpdate(db: Reader, ids: number[]): Promise<Map<number, BuildRow[]>> {
  const found = new Map<number, BuildRow[]>()
  for (const part of chunks(ids))
    for (const { update_id, build: its } of await buildsOfUpdates(db, part))
      found.set(update_id, [...(found.get(update_id) ?? []), its])
  return found
}

/** Live updates of some builds: pending, testing or stable. */
export function updatesOfBuilds(db: Reader, build_ids: number[]) {
  return db
    .select({ update, build_id: update_build.build_id })
    .from(update_build)
    .innerJoin(update, eq(update.id, update_build.update_id))
    .where(
      and(
        inArray(update_build.build_id, build_ids),
        inArray(update.status, ['pending', 'testing', 'stable']),
      ),
    )
}

/** Updates of a package in a release that a newer one may obsolete. */
export async function openUpdatesOf(db: Reader, release: string, packages: string[]) {
  const rows = await db
    .selectDistinct({ update })
    .from(update_build)
    .innerJoin(update, eq(update.id, update_build.update_id))
    .where(
      and(
        inArray(update_build.package, packages),
        eq(update.release, release),
        inArray(update.status, ['pending', 'testing']),
        isNull(update.push_id),
      ),
    )
  return rows.map((row) => row.update)
}

export function bugsOfUpdates(db: Reader, update_ids: number[]) {
  return db
    .select()
    .from(update_bug)
    .where(inArray(update_bug.update_id, update_ids))
    .orderBy(update_bug.id)
}

export function cvesOfUpdates(db: Reader, update_ids: number[]) {
  return db
    .select()
    .from(update_cve)
    .where(inArray(update_cve.update_id, update_ids))
    .orderBy(update_cve.cve)
}

export function testcasesOfUpdates(db: Reader, update_ids: number[]) {
  return db
    .select()
    .from(update_testcase)
    .where(inArray(update_testcase.update_id, update_ids))
    .orderBy(update_testcase.id)
}

/** What checks said of the revisions that updates have now. */
export async function gatesOfUpdates(db: Reader, update_ids: number[]): Promise<GateRow[]> {
  const rows = await db
    .select({ gate_result })
    .from(gate_result)
    .innerJoin(
      update,
      and(eq(update.id, gate_result.update_id), eq(update.revision, gate_result.revision)),
    )
    .where(inArray(gate_result.update_id, update_ids))
    .orderBy(asc(gate_result.check))
  return rows.map((row) => row.gate_result)
}

export function votesOf(db: Reader, update_id: number): Promise<VoteRow[]> {
  return db.select().from(vote).where(eq(vote.update_id, update_id)).orderBy(asc(vote.at))
}

/** Newest first. @param before_id undefined for the newest */
export function commentsOf(
  db: Reader,
  update_id: number,
  before_id: number | undefined,
  limit: number,
): Promise<CommentRow[]> {
  const before = before_id === undefined ? undefined : lt(comment.id, before_id)
  return db
    .select()
    .from(comment)
    .where(and(eq(comment.update_id, update_id), before))
    .orderBy(desc(comment.id))
    .limit(limit)
}

export interface UpdateFilter {
  release?: string | undefined
  status?: UpdateStatus | undefined
  type?: UpdateType | undefined
  /** Only what is requested, and neither held for a sponsor nor in a push. */
  requested?: boolean
  submitter_id?: number | undefined
}

export function filterUpdates(filter: UpdateFilter): SQL | undefined {
  return and(
    filter.release === undefined ? undefined : eq(update.release, filter.release),
    filter.status === undefined ? undefined : eq(update.status, filter.status),
    filter.type === undefined ? undefined : eq(update.type, filter.type),
    filter.submitter_id === undefined ? undefined : eq(update.submitter_id, filter.submitter_id),
    filter.requested
      ? and(
          inArray(update.request, ['testing', 'stable']),
          isNull(update.push_id),
          isNull(update.held_at),
        )
      : undefined,
  )
}

export function updateRows(
  db: Reader,
  filter: UpdateFilter,
  before: number | undefined,
  limit: number,
): Promise<UpdateRow[]> {
  return db
    .select()
    .from(update)
    .where(and(filterUpdates(filter), before === undefined ? undefined : lt(update.id, before)))
    .orderBy(desc(update.id))
    .limit(limit)
}

/** How many updates of a person have been in testing, counted up to `most`. */
export async function pushedOf(db: Reader, submitter_id: number, most: number): Promise<number> {
  const rows = await db
    .select({ id: update.id })
    .from(update)
    .where(and(eq(update.submitter_id, submitter_id), isNotNull(update.testing_at)))
    .limit(most)
  return rows.length
}

/** Updates that a package's builds are in, newest first. */
export async function updatesOfPackage(db: Reader, name: string, limit = 20): Promise<UpdateRow[]> {
  const rows = await db
    .selectDistinct({ update })
    .from(update_build)
    .innerJoin(update, eq(update.id, update_build.update_id))
    .where(eq(update_build.package, name))
    .orderBy(desc(update.id))
    .limit(limit)
  return rows.map((row) => row.update)
}

/** Aliases of every update that had a build of the package. */
export async function aliasesOfPackage(db: Reader, name: string): Promise<string[]> {
  const rows = await db
    .selectDistinct({ alias: update.alias })
    .from(update_build)
    .innerJoin(update, eq(update.id, update_build.update_id))
    .where(eq(update_build.package, name))
  return rows.map(({ alias }) => alias)
}

/** Bugs that updates of the package name, each with its update, newest update first. */
export function bugsOfPackage(db: Reader, name: string, limit = 200) {
  return db
    .selectDistinct({ bug: update_bug, update })
    .from(update_build)
    .innerJoin(update, eq(update.id, update_build.update_id))
    .innerJoin(update_bug, eq(update_bug.update_id, update.id))
    .where(eq(update_build.package, name))
    .orderBy(desc(update.id), asc(update_bug.id))
    .limit(limit)
}

/**
 * Sums of live votes of the revisions that updates have now: by update, and in it by subject (`update`, `bug:<id>`,
 * `testcase:<id>`). What nobody voted for is not there.
 */
export async function karmaOfUpdates(
  db: Reader,
  update_ids: number[],
): Promise<Map<number, Map<string, number>>> {
  const sums = await db
    .select({ id: vote.update_id, subject: vote.subject, karma: sum(vote.karma) })
    .from(vote)
    .innerJoin(update, and(eq(update.id, vote.update_id), eq(update.revision, vote.revision)))
    .where(
      and(
        inArray(vote.update_id, update_ids),
        ne(vote.person_id, update.submitter_id),
        isNull(vote.withdrawn_at),
      ),
    )
    .groupBy(vote.update_id, vote.subject)
  const found = new Map<number, Map<string, number>>()
  for (const { id, subject, karma } of sums) {
    const its = found.get(id) ?? new Map<string, number>()
    found.set(id, its.set(subject, Number(karma ?? 0)))
  }
  return found
}

/** All updates that a build was ever in, newest first. */
export async function updatesOfBuild(db: Reader, build_id: number): Promise<UpdateRow[]> {
  const rows = await db
    .select({ update })
    .from(update_build)
    .innerJoin(update, eq(update.id, update_build.update_id))
    .where(eq(update_build.build_id, build_id))
    .orderBy(desc(update.id))
    .limit(20)
  return rows.map((row) => row.update)
}

/** How many updates are in each of these statuses. */
export async function countByStatus(db: Reader, statuses: UpdateStatus[]) {
  const rows = await db
    .select({ status: update.status, n: count() })
    .from(update)
    .where(inArray(update.status, statuses))
    .groupBy(update.status)
  return new Map(rows.map((row) => [row.status, row.n]))
}

/** By title, alias or CVE, newest first. @param words as typed; marks of LIKE are taken out */
export async function searchRows(db: Reader, words: string, limit: number): Promise<UpdateRow[]> {
  const pattern = `%${words.replace(/[\\%_]/g, '')}%`
  const byCve = db
    .select({ id: update_cve.update_id })
    .from(update_cve)
    .where(eq(update_cve.cve, words.toUpperCase()))
  return db
    .select()
    .from(update)
    .where(or(like(update.title, pattern), like(update.alias, pattern), inArray(update.id, byCve)))
    .orderBy(desc(update.id))
    .limit(limit)
}
