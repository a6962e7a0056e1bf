/**
 * Reading the outbox: a fact is a row in the transaction of the change (outbox.ts), in the order of commits.
 * Whoever reads goes by number, page by page, and chooses in memory: so a reader's mark moves over what
 * does not concern it, too, and no look costs more than a page.
 */
import { and, asc, desc, eq, gt, gte, like, lte, or, type SQL } from 'drizzle-orm'
import { event } from '../../db/schema/kernel.ts'
import type { Reader } from './db.ts'

export { emit } from './outbox.ts'
export type { Subscriber } from './subscribers.ts'

export interface Event {
  id: number
  /** `<thing>.<happened>`: build.finished, update.pushed. */
  type: string
  /** `<thing>:<name>`. */
  subject: string
  payload: Record<string, unknown>
  actor: string
  /** Milliseconds since the epoch. */
  at: number
}

export interface EventFilter {
  /** Type prefixes, such as `build.`; empty means all. */
  types?: string[]
  subject?: string
}

/** Whether a fact is what a reader asked for. */
export function isWanted(filter: EventFilter, event: Pick<Event, 'type' | 'subject'>): boolean {
  const { types = [], subject } = filter
  if (subject !== undefined && event.subject !== subject) return false
  return types.length === 0 || types.some((type) => event.type.startsWith(type))
}

/** Facts that one look goes through. */
const PAGE = 500

export interface Scanned {
  /** What was asked for, oldest first. */
  events: Event[]
  /** The number up to which nothing else was asked for: where to go on. */
  scanned: number
  /** Whether there was nothing after it. */
  end: boolean
}

/**
 * Looks through the facts after a cursor, as many as one page has.
 * @param limit of those that are returned
 */
export async function scanEvents(
  db: Reader,
  cursor: number,
  filter: EventFilter = {},
  limit = PAGE,
): Promise<Scanned> {
  const { subject } = filter
  // By subject the rows between are not looked at: what was the last then says how far one has seen.
  const last = subject === undefined ? undefined : await lastEventId(db, cursor)
  const rows = await db
    .select()
    .from(event)
    .where(
      and(
        gt(event.id, cursor),
        last === undefined ? undefined : lte(event.id, last),
        subject === undefined ? undefined : eq(event.subject, subject),
      ),
    )
    .orderBy(asc(event.id))
    .limit(PAGE)
  const events = rows.filter((row) => isWanted(filter, row)).slice(0, limit)
  const looked =
    rows.length < PAGE ? Math.max(last ?? cursor, rows.at(-1)?.id ?? cursor) : undefined
  const cut = events.length === limit ? events.at(-1)?.id : undefined
  const scanned = cut ?? looked ?? rows.at(-1)?.id ?? cursor
  return { events, scanned, end: scanned === looked }
}

/** Facts after a cursor, oldest first, from as many pages as it takes to find `limit` of them. */
export async function eventsAfter(
  db: Reader,
  cursor: number,
  filter: EventFilter = {},
  limit = 100,
): Promise<Event[]> {
  const found: Event[] = []
  for (let after = cursor; found.length < limit; ) {
    const { events, scanned, end } = await scanEvents(db, after, filter, limit - found.length)
    found.push(...events)
    if (end) break
    after = scanned
  }
  return found
}

function filterOf(filter: EventFilter): SQL | undefined {
  const types = (filter.types ?? []).map((type) =>
    like(event.type, `${type.replace(/[%_]/g, '')}%`),
  )
  return and(
    types.length > 0 ? or(...types) : undefined,
    filter.subject === undefined ? undefined : eq(event.subject, filter.subject),
  )
}

/** The newest facts since a moment, newest first. */
export function eventsSince(
  db: Reader,
  since_ms: number,
  filter: EventFilter,
  limit: number,
): Promise<Event[]> {
  return db
    .select()
    .from(event)
    .where(and(gte(event.at, since_ms), filterOf(filter)))
    .orderBy(desc(event.id))
    .limit(limit)
}

/** Number of the newest fact. @param none what to say where there is none */
export async function lastEventId(db: Reader, none = 0): Promise<number> {
  const [last] = await db.select({ id: event.id }).from(event).orderBy(desc(event.id)).limit(1)
  return last?.id ?? none
}
