/** Crawls: one mirror looked at and what was seen kept, which mirrors are due, and how long evidence stays. */
import { and, eq, inArray, lt, sql } from 'drizzle-orm'
import {
  mirror_check,
  mirror_host,
  mirror_repository,
  mirror_url,
} from '../../db/schema/mirrors.ts'
import { DAY_MS } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { emit } from '../kernel/events.ts'
import { transaction } from '../kernel/transaction.ts'
import { publishedDigests } from '../repos/generations.ts'
import { createTask } from '../tasks/tasks.ts'
import { keepArrivals } from './arrivals.ts'
import { publishedRepositories } from './catalogue.ts'
import { type AddressLooks, lookAtMirror, looksOfMirror } from './checks.ts'
import {
  CRAWL_EVERY_MS,
  type CrawlOutcome,
  type Family,
  incidentBegins,
  judgeAddress,
  type Look,
  nextAddressState,
  nextState,
  type RepositoryState,
} from './crawl.ts'
import type { Crawler } from './crawler.ts'
import type { WantedRepository } from './looks.ts'
import { queueFaultLetters } from './mails.ts'
import { holdOf, isExcluded } from './mirror.ts'
import {
  exclusionsOf,
  type HostRow,
  hostById,
  hostsToCrawl,
  latestChecks,
  type RepositoryStateRow,
  statesOf,
  urlsOf,
} from './queries.ts'

/** Evidence is kept for a year. */
export const EVIDENCE_MS = 366 * DAY_MS
/** Tasks of this channel are for workers' crawling claimers: a push never waits behind a dead mirror. */
export const CRAWL_CHANNEL = 'worker-crawl'
/** Crawls that are queued at once. */
const QUEUED_AT_ONCE = 1000

/** Queues a crawl of every mirror that is due. @returns how many */
export async function queueDueCrawls(ctx: Ctx): Promise<number> {
  const now = ctx.app.clock.now()
  const rows = await hostsToCrawl(ctx.app.db, now - CRAWL_EVERY_MS, QUEUED_AT_ONCE)
  const due = rows.filter((row) => holdOf(row, now) === undefined)
  if (due.length === 0) return 0
  await transaction(ctx, async (tx) => {
    for (const row of due)
      await createTask(tx, ctx, {
        method: 'crawlMirror',
        label: row.name,
        payload: { host_id: row.id },
        channel: CRAWL_CHANNEL,
        unique_key: `crawl:${row.id}`,
      })
  })
  return due.length
}

export interface CrawlSummary {
  fresh: number
  others: number
}

export interface CrawlInput {
  host_id: number
  signal?: AbortSignal
  /** A transaction that commits only while the crawl's task is held. */
  write: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>
}

/** Looks at one mirror and keeps what was seen. @returns undefined for one that is not to be looked at */
export async function crawlHost(
  ctx: Ctx,
  crawler: Crawler,
  input: CrawlInput,
): Promise<CrawlSummary | undefined> {
  const { app } = ctx
  const host = await hostById(app.db, input.host_id)
  if (!host || holdOf(host, app.clock.now()) !== undefined) return undefined
  const exclusions = await exclusionsOf(app.db, host.id)
  const carried = (await publishedRepositories(app)).filter((each) => !isExcluded(exclusions, each))
  const states = await statesOf(app.db, host.id)
  const repositories = longestUnseenFirst(carried, states)
  const seen = await lookAtMirror(crawler, {
    addresses: await urlsOf(app.db, host.id),
    families: familiesOf(host),
    repositories,
    known: new Map(states.map((row) => [row.repository_id, row])),
    signal: input.signal,
    now: () => app.clock.now(),
    refresh: (id) => publishedDigests(app.db, id),
  })
  return input.write((tx) =>
    keep(tx, ctx, host.id, { seen, looks: looksOfMirror(seen), repositories }),
  )
}

/** What a crawl has no time for comes first in the next one. */
function longestUnseenFirst(
  repositories: readonly WantedRepository[],
  states: readonly RepositoryStateRow[],
): WantedRepository[] {
  const seen = new Map(states.map((row) => [row.repository_id, row.checked_at]))
  const at = ({ id }: WantedRepository) => seen.get(id) ?? 0
  return [...repositories].sort((a, b) => at(a) - at(b))
}

const familiesOf = (host: HostRow): Family[] => [
  ...(host.ipv4 ? [4 as const] : []),
  ...(host.ipv6 ? [6 as const] : []),
]

interface Crawl {
  seen: AddressLooks[]
  /** What the mirror has, by repository. */
  looks: Map<number, Look[]>
  repositories: WantedRepository[]
}

async function keep(
  tx: Tx,
  ctx: Ctx,
  host_id: number,
  crawl: Crawl,
): Promise<CrawlSummary | undefined> {
  const now = ctx.app.clock.now()
  const [host] = await tx
    .update(mirror_host)
    .set({ crawled_at: now })
    .where(eq(mirror_host.id, host_id))
    .returning()
  // The owner may have spoken while the crawl ran: that beats what it saw.
  if (!host || holdOf(host, now) !== undefined) return undefined
  const before = new Map((await statesOf(tx, host_id)).map((row) => [row.repository_id, row]))
  const after = new Map<number, RepositoryState>()
  const families = familiesOf(host).length
  for (const [id, looks] of crawl.looks) {
    const was = stateOf(before.get(id))
    // Of a family that there was no time for nothing is known, and what was known stays.
    const state =
      looks.length === 0 || (was && looks.length < families) ? was : nextState(was, looks, now)
    if (state) after.set(id, state)
  }
  if (after.size > 0) await upsertStates(tx, host_id, after)
  await forgetOthers(tx, host_id, [...before.keys()], after)
  await keepAddresses(tx, host_id, crawl, now)
  for (const each of crawl.seen) await keepEvidence(tx, host_id, each, now)
  await keepArrivals(tx, host, crawl.repositories, after, now)
  await announce(tx, ctx, host, crawl.repositories, before, after)
  const fresh = [...after.values()].filter((each) => each.outcome === 'fresh').length
  return { fresh, others: after.size - fresh }
}

function stateOf(row: RepositoryStateRow | undefined): RepositoryState | undefined {
  return row && { ...row, outcome: row.outcome as CrawlOutcome }
}

async function upsertStates(tx: Tx, host_id: number, after: Map<number, RepositoryState>) {
  const rows = Array.from(after, ([repository_id, state]) => ({ host_id, repository_id, ...state }))
  const excluded = (name: string) => sql.raw(`excluded.${name}`)
  for (let at = 0; at < rows.length; at += 200)
    await tx
      .insert(mirror_repository)
      .values(rows.slice(at, at + 200))
      .onConflictDoUpdate({
        target: [mirror_repository.host_id, mirror_repository.repository_id],
        set: {
          fresh: excluded('fresh'),
          outcome: excluded('outcome'),
          reason: excluded('reason'),
          generation_id: excluded('generation_id'),
          failures: excluded('failures'),
          failing_since: excluded('failing_since'),
          listed: excluded('listed'),
          etag: excluded('etag'),
          checked_at: excluded('checked_at'),
          fresh_at: excluded('fresh_at'),
        },
      })
}

/** Repositories that are gone or that the mirror no longer carries have no state. */
async function forgetOthers(
  tx: Tx,
  host_id: number,
  known: number[],
  after: Map<number, RepositoryState>,
): Promise<void> {
  const gone = known.filter((id) => !after.has(id))
  if (gone.length === 0) return
  const { repository_id } = mirror_repository
  await tx
    .delete(mirror_repository)
    .where(and(eq(mirror_repository.host_id, host_id), inArray(repository_id, gone)))
}

/** Addresses that were changed while the crawl ran have no row any more, and keep nothing of it. */
async function keepAddresses(tx: Tx, host_id: number, crawl: Crawl, now: number): Promise<void> {
  const rows = new Map((await urlsOf(tx, host_id)).map((row) => [row.url, row]))
  for (const { address, looks } of crawl.seen) {
    const row = rows.get(address.url)
    const look = judgeAddress(looks, crawl.looks)
    if (!row || !look) continue
    const state = nextAddressState(row, look, now)
    await tx.update(mirror_url).set(state).where(eq(mirror_url.id, row.id))
  }
}

/** One row while an outcome stays the same: its count and last moment move. */
async function keepEvidence(
  tx: Tx,
  host_id: number,
  seen: AddressLooks,
  now: number,
): Promise<void> {
  const { protocol } = seen.address
  const key = (repository_id: number, family: number, of: string) =>
    `${repository_id} ${family} ${of}`
  const latest = new Map(
    (await latestChecks(tx, host_id)).map((row) => [
      key(row.repository_id, row.family, row.protocol),
      row,
    ]),
  )
  const same: number[] = []
  const fresh: (typeof mirror_check.$inferInsert)[] = []
  for (const [repository_id, looks] of seen.looks)
    for (const { family, outcome, reason, took_ms } of looks) {
      const last = latest.get(key(repository_id, family, protocol))
      if (last?.outcome === outcome && codeOf(last.detail) === (reason?.code ?? ''))
        same.push(last.id)
      else
        fresh.push({
          ...{ host_id, repository_id, family, protocol, outcome, took_ms },
          detail: reason ? JSON.stringify(reason) : '',
          ...{ first_at: now, last_at: now, count: 1 },
        })
    }
  for (let at = 0; at < same.length; at += 500)
    await tx
      .update(mirror_check)
      .set({ last_at: now, count: sql`${mirror_check.count} + 1` })
      .where(inArray(mirror_check.id, same.slice(at, at + 500)))
  for (let at = 0; at < fresh.length; at += 200)
    await tx.insert(mirror_check).values(fresh.slice(at, at + 200))
}

const codeOf = (detail: string) =>
  detail === '' ? '' : (JSON.parse(detail) as { code: string }).code

/** Events for those who watch, and a letter when an incident begins. */
async function announce(
  tx: Tx,
  ctx: Ctx,
  host: HostRow,
  repositories: WantedRepository[],
  before: Map<number, RepositoryStateRow>,
  after: Map<number, RepositoryState>,
): Promise<void> {
  const was = (id: number) => before.get(id)?.listed ?? false
  const left = repositories.filter(({ id }) => was(id) && !after.get(id)?.listed)
  const came = repositories.filter(({ id }) => !was(id) && after.get(id)?.listed)
  const named = (list: WantedRepository[]) => list.map((each) => `${each.name} ${each.arch}`)
  if (left.length > 0 && incidentBegins([...before.values()], [...after.values()]))
    await queueFaultLetters(tx, ctx, host, left, after)
  const subject = `mirror:${host.name}`
  if (left.length > 0) await emit(tx, ctx, 'mirror.left', subject, { repositories: named(left) })
  if (came.length > 0) await emit(tx, ctx, 'mirror.listed', subject, { repositories: named(came) })
}

/** Forgets evidence that is older than a year. @returns how many rows */
export async function purgeChecks(ctx: Ctx): Promise<number> {
  const until = ctx.app.clock.now() - EVIDENCE_MS
  const rows = await transaction(ctx, (tx) =>
    tx
      .delete(mirror_check)
      .where(lt(mirror_check.last_at, until))
      .returning({ id: mirror_check.id }),
  )
  return rows.length
}
