/**
 * What a check means: outcomes of one repository on one mirror, when a mirror leaves the list and when
 * it comes back. Pure.
 */
import { HOUR_MS, MINUTE_MS } from '../kernel/clock.ts'
import { type Reason, reason } from '../kernel/reason.ts'

/** Bits of `mirror_repository.fresh`. */
export const FRESH_IPV4 = 1
export const FRESH_IPV6 = 2

export const outcomes = ['fresh', 'stale', 'missing', 'corrupt', 'slow', 'down'] as const
export type CrawlOutcome = (typeof outcomes)[number]

/** A mirror leaves the list for a repository after so many failures in a row … */
export const LEAVE_FAILURES = 3
/** … over at least this time. A push is not on any mirror at once, and networks hiccup. */
export const LEAVE_AFTER_MS = 2 * HOUR_MS
/** Pause between two crawls of one mirror. */
export const CRAWL_EVERY_MS = 10 * MINUTE_MS

export type Family = 4 | 6

/** What one look at one repository over one family found. */
export interface Look {
  family: Family
  outcome: CrawlOutcome
  /** Absent for `fresh`. */
  reason?: Reason
  /** Generation whose repomd.xml the mirror has; 0 when it is none of ours. */
  generation_id: number
  etag?: string | undefined
  took_ms: number
}

/** A published generation, as much as the crawler needs. */
export interface Published {
  id: number
  push_id: number
  sha256: string
  /** Milliseconds since the epoch. */
  published_at: number
}

/**
 * Judges the repomd.xml that a mirror has.
 * @param generations published ones, newest first
 * @param found the generation that the mirror has, undefined when it is none of these
 */
export function judgeGeneration(
  generations: readonly Published[],
  found: Published | undefined,
  now_ms: number,
): { outcome: CrawlOutcome; reason?: Reason; generation_id: number } {
  const at = found ? generations.findIndex((each) => each.id === found.id) : -1
  if (at === 0 && found) return { outcome: 'fresh', generation_id: found.id }
  // The one after it is the moment from which this mirror was late.
  const next = generations[at - 1]
  if (found && next) {
    const late_minutes = Math.max(0, Math.round((now_ms - next.published_at) / MINUTE_MS))
    const why = reason('mirror.late', { late_minutes, pushes: at })
    return { outcome: 'stale', reason: why, generation_id: found.id }
  }
  return { outcome: 'corrupt', reason: reason('mirror.unknown-metadata'), generation_id: 0 }
}

/** State of one repository on one mirror between crawls. */
export interface RepositoryState {
  fresh: number
  outcome: CrawlOutcome
  reason: Reason | null
  generation_id: number
  failures: number
  failing_since: number | null
  listed: boolean
  etag: string | null
  checked_at: number
  fresh_at: number | null
}

const bitOf = (family: Family) => (family === 4 ? FRESH_IPV4 : FRESH_IPV6)

/**
 * The state after a crawl. One success brings a mirror back; it leaves after LEAVE_FAILURES failures
 * over LEAVE_AFTER_MS, but at once when what it has is none of our files: no client may use those.
 * @param looks one a family that was tried, at least one
 */
export function nextState(
  before: RepositoryState | undefined,
  looks: readonly Look[],
  now_ms: number,
): RepositoryState {
  const good = looks.filter((look) => look.outcome === 'fresh')
  const shown = good[0] ?? looks[0]
  if (!shown) throw new Error('a crawl without a look')
  const bad = looks.find((look) => look.outcome !== 'fresh')
  const common = {
    outcome: shown.outcome,
    // Where one family works, the fault of the other is still worth a word.
    reason: bad?.reason ?? null,
    generation_id: shown.generation_id,
    etag: shown.etag ?? null,
    checked_at: now_ms,
  }
  if (good.length > 0) {
    const fresh = good.reduce((bits, look) => bits | bitOf(look.family), 0)
    return { ...common, fresh, failures: 0, failing_since: null, listed: true, fresh_at: now_ms }
  }
  const failures = (before?.failures ?? 0) + 1
  const failing_since = before?.failing_since ?? now_ms
  const patience = failures < LEAVE_FAILURES || now_ms - failing_since < LEAVE_AFTER_MS
  const listed = (before?.listed ?? false) && patience && shown.outcome !== 'corrupt'
  return {
    ...common,
    fresh: listed ? (before?.fresh ?? 0) : 0,
    ...{ failures, failing_since, listed },
    fresh_at: before?.fresh_at ?? null,
  }
}

/**
 * What a mirror has for a repository over all its web addresses: by family the best that any of them
 * showed. An ETag counts for the first address only, which is the one that is asked with it.
 * @param looks of each web address, in the order in which clients get them
 */
export function bestLooks(looks: readonly (readonly Look[])[]): Look[] {
  const all = looks.flatMap((own, at) =>
    own.map((look) => (at === 0 ? look : { ...look, etag: undefined })),
  )
  const families = [...new Set(all.map((look) => look.family))]
  return families.flatMap((family) => {
    const own = all.filter((look) => look.family === family)
    return own.find((look) => look.outcome === 'fresh') ?? own.slice(0, 1)
  })
}

/**
 * One address measured by what the mirror has: a client that is told of it must find there what any other
 * address of the mirror has, over each family. An address of a mirror that has nothing fresh is as good
 * as the others while it answers.
 * @param own looks through this address, by repository
 * @param best what the mirror has
 * @returns the look that stands for the address
 */
export function judgeAddress(
  own: ReadonlyMap<number, readonly Look[]>,
  best: ReadonlyMap<number, readonly Look[]>,
): Look | undefined {
  const looks = [...own].flatMap(([id, list]) => list.map((look) => ({ id, look })))
  const isFresh = (id: number, family: Family) =>
    best.get(id)?.some((look) => look.family === family && look.outcome === 'fresh')
  const worse = looks.find(
    ({ id, look }) => look.outcome !== 'fresh' && isFresh(id, look.family),
  )?.look
  if (worse) return worse
  const good = looks.find(({ look }) => look.outcome === 'fresh')?.look
  if (good) return good
  const dead = looks.every(({ look }) => look.outcome === 'down' || look.outcome === 'slow')
  const [first] = looks
  if (!first || dead) return first?.look
  const { reason: _, ...answers } = first.look
  return { ...answers, outcome: 'fresh' }
}

/** State of one address between crawls. */
export interface AddressState {
  listed: boolean
  outcome: string | null
  reason: Reason | null
  failures: number
  failing_since: number | null
  checked_at: number | null
  fresh_at: number | null
}

/** The state of an address after a crawl: it comes and goes as repositories do. */
export function nextAddressState(before: AddressState, look: Look, now_ms: number): AddressState {
  const { failures, failing_since, listed, fresh_at } = before
  const state = nextState(
    {
      ...{ failures, failing_since, listed, fresh_at, fresh: 0, reason: null, etag: null },
      ...{ outcome: look.outcome, generation_id: 0, checked_at: now_ms },
    },
    [look],
    now_ms,
  )
  return {
    ...{ listed: state.listed, outcome: state.outcome, reason: state.reason },
    ...{ failures: state.failures, failing_since: state.failing_since },
    ...{ checked_at: now_ms, fresh_at: state.fresh_at },
  }
}

/** It was on the list once and is not now: part of an incident. */
export function isOut(state: Pick<RepositoryState, 'listed' | 'fresh_at'>): boolean {
  return !state.listed && state.fresh_at !== null
}

/**
 * Whether admins get a letter: an incident begins with the first repository that leaves and ends when
 * all are back, and each incident is one letter.
 */
export function incidentBegins(
  before: readonly Pick<RepositoryState, 'listed' | 'fresh_at'>[],
  after: readonly Pick<RepositoryState, 'listed' | 'fresh_at'>[],
): boolean {
  return !before.some(isOut) && after.some(isOut)
}
