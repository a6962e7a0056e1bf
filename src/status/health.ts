/**
 * Whether the portal works: of each part what is wrong, and how badly. Pure: facts and the time in, verdicts with
 * their reasons out; the status page and /api/status show the same.
 */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../kernel/clock.ts'
import { type Reason, reason } from '../kernel/reason.ts'

/** late: it goes on, slower than it should; broken: it does not, until somebody acts. */
export type Verdict = 'works' | 'late' | 'broken'
const verdicts: Verdict[] = ['works', 'late', 'broken']

export const parts = [
  'builders',
  'workers',
  'queue',
  'pushes',
  'mirrors',
  'mail',
  'events',
] as const
export type PartName = (typeof parts)[number]

export interface PartHealth {
  part: PartName
  verdict: Verdict
  /** Why it does not simply work; for `works` what one may want to know, if anything. */
  reasons: Reason[]
}

/** Times are milliseconds since the epoch, null for never. */
export interface HealthFacts {
  now: number
  builders: {
    name: string
    state: 'online' | 'silent' | 'disabled'
    last_seen_at: number | null
    /** What it can build with; empty when it lacks what `missing` says. */
    drivers: string[]
    missing: string[]
  }[]
  workers: number
  /** `waits_for` is what the oldest waits for. */
  queue: { waiting: number; oldest_at: number | null; waits_for: Reason[] }
  /** By release. */
  pushes: PushFacts[]
  /** Time between two pushes, by the distribution's data. */
  push_every_ms: number
  mirrors: MirrorFacts
  mail: MailFacts
  events: EventFacts
}

export interface PushFacts {
  release: string
  last_done: { id: number; ended_at: number } | undefined
  /** Only one that no finished push has followed. */
  failed: { id: number; ended_at: number } | undefined
  running: { id: number; created_at: number } | undefined
  /** Updates that ask for a push, and since when the first of them does. */
  waiting: number
  waiting_since: number | null
}

export interface MirrorFacts {
  fresh: number
  stale: number
  failing: number
  unchecked: number
  last_crawl_at: number | null
  /** Mirrors that the crawler should have been through with again. */
  overdue: number
}

export interface MailFacts {
  waiting: number
  oldest_at: number | null
  /** What the mail server said of the oldest, without addresses. */
  error: string | null
  /** Within the last days. */
  given_up: number
  last_sent_at: number | null
}

export interface EventFacts {
  /** Facts that a subscriber could not act on. */
  aside: number
  /** Who is furthest behind, and when what it has yet to see happened; null when all are up to date. */
  behind: { subscriber: string; at: number } | null
}

export const EVENTS_LATE_MS = 5 * MINUTE_MS
export const QUEUE_LATE_MS = HOUR_MS
/** Even the largest push is through by then. */
export const PUSH_RUNS_MS = 2 * HOUR_MS
export const PUSH_LATE_MS = HOUR_MS
export const PUSH_BROKEN_MS = DAY_MS
export const MAIL_LATE_MS = 10 * MINUTE_MS
export const MAIL_BROKEN_MS = HOUR_MS

/** A span as parameters of a sentence: the largest whole unit. */
export function spanParams(ms: number): { n: number; unit: 'minutes' | 'hours' | 'days' } {
  if (ms >= DAY_MS) return { n: Math.floor(ms / DAY_MS), unit: 'days' }
  if (ms >= HOUR_MS) return { n: Math.floor(ms / HOUR_MS), unit: 'hours' }
  return { n: Math.max(0, Math.floor(ms / MINUTE_MS)), unit: 'minutes' }
}

type Finding = [Verdict, Reason]

/** Every part in the order of `parts`. */
export function healthOf(facts: HealthFacts): PartHealth[] {
  const findings: Record<PartName, Finding[]> = {
    builders: builderFindings(facts),
    workers: facts.workers === 0 ? [['broken', reason('status.no-worker')]] : [],
    queue: queueFindings(facts),
    pushes: facts.pushes.flatMap((each) => pushFindings(each, facts)),
    mirrors: mirrorFindings(facts.mirrors),
    mail: mailFindings(facts),
    events: eventFindings(facts),
  }
  return parts.map((part) => {
    const found = findings[part]
    const verdict = worst(found.map(([each]) => each))
    return { part, verdict, reasons: found.map(([, why]) => why) }
  })
}

/** The verdict over several: the worst of them. */
export function worst(given: readonly Verdict[]): Verdict {
  return given.reduce<Verdict>(
    (a, b) => (verdicts.indexOf(b) > verdicts.indexOf(a) ? b : a),
    'works',
  )
}

function builderFindings({ builders, now }: HealthFacts): Finding[] {
  const enabled = builders.filter(({ state }) => state !== 'disabled')
  if (enabled.length === 0) return [['broken', reason('status.no-builder')]]
  const able = enabled.some(({ state, drivers }) => state === 'online' && drivers.length > 0)
  const verdict = able ? 'late' : 'broken'
  return enabled.flatMap(({ name, state, last_seen_at, drivers, missing }): Finding[] => {
    if (state === 'silent' && last_seen_at === null)
      return [[verdict, reason('status.builder-never', { name })]]
    if (state === 'silent')
      return [
        [
          verdict,
          reason('status.builder-silent', { name, ...spanParams(now - (last_seen_at ?? 0)) }),
        ],
      ]
    if (drivers.length > 0) return []
    return [[verdict, reason('builder.lacks', { name, missing: missing.join(', ') })]]
  })
}

function queueFindings({ queue, now }: HealthFacts): Finding[] {
  const { waiting, oldest_at, waits_for } = queue
  if (oldest_at === null || now - oldest_at < QUEUE_LATE_MS) return []
  const waits = reason('status.queue-waits', { count: waiting, ...spanParams(now - oldest_at) })
  return [waits, ...waits_for].map((why) => ['late', why])
}

function pushFindings(facts: PushFacts, { now, push_every_ms }: HealthFacts): Finding[] {
  const { release, last_done, failed, running, waiting, waiting_since } = facts
  const found: Finding[] = []
  if (failed) {
    const params = { release, id: failed.id, ...spanParams(now - failed.ended_at) }
    found.push(['broken', reason('status.push-failed', params)])
  }
  if (running && now - running.created_at >= PUSH_RUNS_MS) {
    const params = { release, id: running.id, ...spanParams(now - running.created_at) }
    found.push(['late', reason('status.push-runs', params)])
  }
  if (waiting === 0 || waiting_since === null || running) return found
  // What was asked for a moment ago does not wait since the push of last week.
  const since = Math.max(waiting_since, last_done?.ended_at ?? 0)
  const waited_ms = now - since
  if (waited_ms < PUSH_LATE_MS + push_every_ms) return found
  const verdict = waited_ms < PUSH_BROKEN_MS + push_every_ms ? 'late' : 'broken'
  found.push([verdict, reason('status.push-due', { release, waiting, ...spanParams(waited_ms) })])
  return found
}

function mirrorFindings(facts: MirrorFacts): Finding[] {
  const { fresh, stale, failing, unchecked, overdue, last_crawl_at } = facts
  const total = fresh + stale + failing + unchecked
  if (total === 0) return [['works', reason('status.no-mirror')]]
  const found: Finding[] = []
  if (overdue > 0)
    found.push(
      last_crawl_at === null
        ? ['broken', reason('status.crawler-never', { overdue })]
        : ['late', reason('status.crawler-late', { overdue })],
    )
  // Clients then get everything from here; that is what mirrors are to prevent.
  if (failing > 0 && fresh + stale + unchecked === 0)
    found.push(['broken', reason('status.mirrors-all-failing', { failing })])
  else if (failing > 0) found.push(['late', reason('status.mirrors-failing', { failing, total })])
  if (stale > total / 2) found.push(['late', reason('status.mirrors-stale', { stale, total })])
  return found
}

function mailFindings({ mail, now }: HealthFacts): Finding[] {
  const { waiting, oldest_at, error, given_up } = mail
  const found: Finding[] = []
  const waited_ms = oldest_at === null ? 0 : now - oldest_at
  if (waiting > 0 && waited_ms >= MAIL_LATE_MS) {
    const code = error === null ? 'status.mail-waits' : 'status.mail-refused'
    const params = { count: waiting, error: error ?? '', ...spanParams(waited_ms) }
    found.push([waited_ms < MAIL_BROKEN_MS ? 'late' : 'broken', reason(code, params)])
  }
  if (given_up > 0) found.push(['late', reason('status.mail-given-up', { count: given_up })])
  return found
}

function eventFindings({ events, now }: HealthFacts): Finding[] {
  const { aside, behind } = events
  const found: Finding[] = []
  if (behind !== null && now - behind.at >= EVENTS_LATE_MS) {
    const params = { subscriber: behind.subscriber, ...spanParams(now - behind.at) }
    found.push(['late', reason('status.events-late', params)])
  }
  if (aside > 0) found.push(['late', reason('status.events-aside', { count: aside })])
  return found
}

/** A mail server's words as everyone may read them: no one's address, no machine's. */
export function publicMailError(error: string): string {
  return error
    .replace(/(?<![^\s<>"'(),;:])[^\s<>"'(),;:@]+@[^\s<>"'(),;:]+/g, '…@…')
    .replace(/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?/g, '…')
    .replace(/\[?[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}\]?(?::\d+)?/gi, '…')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 200)
}
