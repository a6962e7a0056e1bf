/** Updates: make, edit, ask for a push, take back; views and lists. Every change writes its audit row. */
import { strict as assert } from 'node:assert'
import { and, eq, notInArray } from 'drizzle-orm'
import {
  update,
  update_bug,
  update_build,
  update_cve,
  update_testcase,
} from '../../db/schema/updates.ts'
import { buildState } from '../builds/build.ts'
import { type BuildRow, findBuild } from '../builds/builds.ts'
import { getTarget } from '../builds/tags.ts'
import { describeRelease, getRelease } from '../distribution/releases.ts'
import { type Person, requirePerson, requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import type { App, Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import type { ReleasePolicy } from '../kernel/distribution.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { decodeCursor, encodeCursor } from '../kernel/http.ts'
import { newHex } from '../kernel/random.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { requireMaintainer } from '../packages/owners.ts'
import { commentPage } from './comments.ts'
import { factsOf } from './facts.ts'
import type { UpdateInput } from './input.ts'
import { isNewcomer } from './newcomers.ts'
import { obsoleteOlder } from './obsolete.ts'
import {
  bugsOfUpdates,
  buildsOfUpdates,
  cvesOfUpdates,
  findUpdate,
  gatesOfUpdates,
  testcasesOfUpdates,
  type UpdateFilter,
  type UpdateRow,
  updateRows,
  updatesOfBuilds,
  votesOf,
} from './queries.ts'
import { mayGoStable, mayGoTesting, thresholdFaults } from './update.ts'

export type { UpdateRow } from './queries.ts'
export { buildsOfUpdates, updatesOfPackage } from './queries.ts'

/** @throws PortalError not-found */
export async function getUpdate(ctx: Ctx, alias: string): Promise<UpdateRow> {
  const row = await findUpdate(ctx.app.db, alias)
  if (!row) throw new PortalError('not-found')
  return row
}

/** Whoever may build and update all of its packages. @throws PortalError package.not-owner, account.* */
export async function requireMaintainerOf(tx: Tx, ctx: Ctx, row: UpdateRow): Promise<void> {
  requireRole(ctx, 'packager', 'package')
  const builds = await buildsOfUpdates(tx, [row.id])
  await requireMaintainer(
    tx,
    ctx,
    builds.map(({ build }) => build.name),
  )
}

/** @throws PortalError update.locked while a push has it in hand */
export function refuseLocked(row: UpdateRow): void {
  if (row.push_id !== null)
    throw new PortalError('update.locked', { params: { push: row.push_id } })
}

/** Builds that an update may have: complete, of packages that are one's own, of one release, in no other live update. */
export async function takeBuilds(
  tx: Tx,
  ctx: Ctx,
  nvrs: string[],
  own_id = 0,
): Promise<{ builds: BuildRow[]; release: string }> {
  const builds: BuildRow[] = []
  for (const nvr of new Set(nvrs)) {
    const row = await findBuild(tx, nvr)
    if (!row) throw invalid('builds', reason('update.build-unknown', { nvr }))
    if (row.state !== buildState.COMPLETE)
      throw invalid('builds', reason('update.build-incomplete', { nvr }))
    builds.push(row)
  }
  const names = builds.map(({ name }) => name)
  await requireMaintainer(tx, ctx, names, 'builds')
  const releases = new Set<string>()
  for (const row of builds) releases.add((await getTarget(tx, row.target)).release)
  const [release] = releases
  if (release === undefined || releases.size > 1)
    throw invalid('builds', reason('update.one-release'))
  await refuseTaken(tx, builds, own_id)
  const twice = builds.find((row) => builds.some((r) => r.name === row.name && r.id !== row.id))
  if (twice) throw invalid('builds', reason('update.package-twice', { name: twice.name }))
  return { builds, release }
}

export async function refuseTaken(tx: Tx, builds: BuildRow[], own_id: number): Promise<void> {
  const ids = builds.map((row) => row.id)
  const taken = (await updatesOfBuilds(tx, ids)).find((each) => each.update.id !== own_id)
  if (!taken) return
  const nvr = builds.find((row) => row.id === taken.build_id)?.nvr ?? ''
  throw new PortalError('update.build-taken', {
    field: 'builds',
    params: { nvr, alias: taken.update.alias },
  })
}

export const titleOf = (builds: BuildRow[]) => builds.map((row) => row.nvr).join(' ')

/** Makes an update from builds; it asks for testing at once. @throws PortalError */
export async function createUpdate(ctx: Ctx, input: UpdateInput): Promise<UpdateRow> {
  requireRole(ctx, 'packager', 'package')
  const person = requirePerson(ctx)
  return transaction(ctx, async (tx) => {
    const { builds, release } = await takeBuilds(tx, ctx, input.builds)
    const row = await insertUpdate(tx, ctx, person, input, builds, release)
    await writeParts(tx, row.id, input)
    await linkBuilds(tx, row.id, builds)
    const kept = await obsoleteOlder(tx, ctx, row, builds)
    const subject = `update:${row.alias}`
    await audit(tx, ctx, { action: 'update.created', subject, details: { builds: input.builds } })
    await emit(tx, ctx, 'update.created', subject, { title: kept.title, release })
    if (kept.held_at !== null) await emit(tx, ctx, 'update.held', subject, { title: kept.title })
    return kept
  })
}

async function insertUpdate(
  tx: Tx,
  ctx: Ctx,
  person: Person,
  input: UpdateInput,
  builds: BuildRow[],
  release: string,
): Promise<UpdateRow> {
  const { app } = ctx
  const now = app.clock.now()
  const described = describeRelease(app, release)
  if ((await getRelease(tx, release)).state === 'archived')
    throw new PortalError('update.refused', { reasons: [reason('update.release-archived')] })
  const critical = isCritical(app, release, builds)
  refuseThresholds(input, described.policy, critical)
  const year = new Date(now).getUTCFullYear()
  const [row] = await tx
    .insert(update)
    .values({
      alias: `${app.distribution.update_prefix}-${year}-${newHex(app.random, 10)}`,
      release,
      title: input.title || titleOf(builds),
      notes: input.notes,
      type: input.type,
      severity: input.severity,
      status: 'pending',
      request: 'testing',
      submitter_id: person.id,
      submitter: person.username,
      stable_karma: input.stable_karma ?? described.policy.stable_karma,
      unstable_karma: input.unstable_karma ?? described.policy.unstable_karma,
      autokarma: input.autokarma,
      autotime: input.autotime,
      require_bugs: input.require_bugs,
      require_testcases: input.require_testcases,
      reboot_suggested: input.reboot_suggested,
      critical,
      upstream_advisory: input.upstream_advisory ?? null,
      held_at: (await isNewcomer(tx, person, described.policy)) ? now : null,
      created_at: now,
      modified_at: now,
    })
    .returning()
  if (!row) throw new Error('an update was not kept')
  return row
}

/**
 * Bugs, test cases and CVEs, each list as it is given: what is there already keeps its feedback, what is left out is
 * gone. A list that is not given stays.
 */
export async function writeParts(
  tx: Tx,
  update_id: number,
  input: Partial<UpdateInput>,
): Promise<void> {
  await dropParts(tx, update_id, input)
  for (const bug of input.bugs ?? [])
    await tx
      .insert(update_bug)
      .values({ update_id, ...bug, number: bug.number ?? bug.url })
      .onConflictDoUpdate({
        target: [update_bug.update_id, update_bug.url],
        set: { title: bug.title, required: bug.required },
      })
  for (const each of input.testcases ?? [])
    await tx
      .insert(update_testcase)
      .values({ update_id, ...each })
      .onConflictDoUpdate({
        target: [update_testcase.update_id, update_testcase.name],
        set: { required: each.required },
      })
  for (const cve of input.cves ?? [])
    await tx.insert(update_cve).values({ update_id, cve }).onConflictDoNothing()
}

async function dropParts(tx: Tx, update_id: number, input: Partial<UpdateInput>): Promise<void> {
  const { bugs, testcases, cves } = input
  const urls = bugs?.map(({ url }) => url)
  const names = testcases?.map(({ name }) => name)
  if (urls)
    await tx
      .delete(update_bug)
      .where(and(eq(update_bug.update_id, update_id), notInArray(update_bug.url, urls)))
  if (names)
    await tx
      .delete(update_testcase)
      .where(and(eq(update_testcase.update_id, update_id), notInArray(update_testcase.name, names)))
  if (cves)
    await tx
      .delete(update_cve)
      .where(and(eq(update_cve.update_id, update_id), notInArray(update_cve.cve, cves)))
}

/**
 * Gives an update these builds and no others. Of two live updates that take a build at once, an index decides.
 * @throws PortalError update.build-taken
 */
export async function linkBuilds(tx: Tx, update_id: number, builds: BuildRow[]): Promise<void> {
  await tx.delete(update_build).where(eq(update_build.update_id, update_id))
  for (const row of builds) {
    const of = { update_id, build_id: row.id, nvr: row.nvr, package: row.name }
    const linked = await tx
      .insert(update_build)
      .values({ ...of, live_build_id: row.id })
      .onConflictDoNothing({ target: update_build.live_build_id })
      .returning()
    if (linked.length === 0) await refuseTaken(tx, [row], update_id)
    assert(linked.length > 0, `build ${row.nvr} is taken and in no update`)
  }
}

export const isCritical = (app: App, release: string, builds: BuildRow[]): boolean =>
  builds.some(({ name }) => describeRelease(app, release).critical_packages.includes(name))

/** @throws PortalError input.invalid that names the field */
export function refuseThresholds(
  asked: Parameters<typeof thresholdFaults>[0],
  policy: ReleasePolicy,
  critical: boolean,
): void {
  const [fault] = thresholdFaults(asked, policy, critical)
  if (fault) throw invalid(fault.field, fault.why)
}

/** Everything a page shows of an update, with what it still waits for. */
export async function viewUpdate(ctx: Ctx, alias: string, comments_before?: string) {
  const { app } = ctx
  const row = await getUpdate(ctx, alias)
  const said = await commentPage(ctx, row.id, { cursor: comments_before })
  const facts = await factsOf(app, app.db, row)
  return {
    update: row,
    facts,
    karma: facts.karma,
    /** What stands between it and stable, or, before testing, between it and testing. */
    waits_for: row.status === 'pending' ? mayGoTesting(facts) : mayGoStable(facts),
    builds: (await buildsOfUpdates(app.db, [row.id])).map((each) => each.build),
    bugs: await bugsOfUpdates(app.db, [row.id]),
    testcases: await testcasesOfUpdates(app.db, [row.id]),
    cves: (await cvesOfUpdates(app.db, [row.id])).map((each) => each.cve),
    gates: await gatesOfUpdates(app.db, [row.id]),
    votes: await votesOf(app.db, row.id),
    comments: said.items,
    /** Where earlier comments go on. */
    earlier_comments: said.next,
  }
}

/** Newest first. */
export async function listUpdates(
  ctx: Ctx,
  input: UpdateFilter & { cursor?: string | undefined; limit: number },
): Promise<{ items: UpdateRow[]; next: string | null }> {
  const rows = await updateRows(ctx.app.db, input, decodeCursor(input.cursor), input.limit + 1)
  const items = rows.slice(0, input.limit)
  const last = items.at(-1)
  return { items, next: rows.length > input.limit && last ? encodeCursor(last.id) : null }
}
