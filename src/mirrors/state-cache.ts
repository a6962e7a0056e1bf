/**
 * What each mirror carries, for the snapshot: read again only for mirrors that were crawled since. There are as
 * many rows as mirrors times repositories, and the snapshot is made every few seconds.
 */
import { inArray } from 'drizzle-orm'
import { mirror_repository } from '../../db/schema/mirrors.ts'
import { SECOND_MS } from '../kernel/clock.ts'
import type { App } from '../kernel/context.ts'
import { type MirrorState, mirrorStates } from './edge/snapshot.ts'

/** Hosts whose rows are read in one query. */
const HOSTS_AT_ONCE = 100
/** Two crawls within one millisecond would look alike: what is as young as this is read again. */
const SETTLED_MS = SECOND_MS

type StateRow = Pick<typeof mirror_repository.$inferSelect, 'fresh' | 'listed' | 'outcome'>
/** By repository. */
export type HostStates = ReadonlyMap<number, MirrorState>

interface Kept {
  crawled_at: number
  states: HostStates
}

const caches = new WeakMap<App['database'], Map<number, Kept>>()

const FRESH_BY_BITS: MirrorState[] = ['stale', 'fresh-ipv4', 'fresh-ipv6', 'fresh']

function stateOf(row: StateRow): MirrorState {
  if (row.listed) return FRESH_BY_BITS[row.fresh & 3] ?? 'unknown'
  return mirrorStates.find((state) => state === row.outcome) ?? 'down'
}

/** Which host, and when the crawler was last through with it: that moves in the transaction of its states. */
export interface CrawledHost {
  id: number
  crawled_at: number | null
}

/** States of all hosts, by host. */
export async function statesOfHosts(
  app: App,
  hosts: readonly CrawledHost[],
): Promise<ReadonlyMap<number, HostStates>> {
  const kept = caches.get(app.database) ?? new Map<number, Kept>()
  caches.set(app.database, kept)
  const now = app.clock.now()
  const isKept = ({ id, crawled_at }: CrawledHost) =>
    crawled_at !== null &&
    Math.abs(now - crawled_at) > SETTLED_MS &&
    kept.get(id)?.crawled_at === crawled_at
  const changed = hosts.filter((host) => !isKept(host))
  const all = new Map<number, HostStates>()
  for (let at = 0; at < changed.length; at += HOSTS_AT_ONCE) {
    const some = changed.slice(at, at + HOSTS_AT_ONCE)
    const read = await readStates(app, some)
    for (const { id, crawled_at } of some) {
      const states = read.get(id) ?? new Map()
      all.set(id, states)
      // Edited ones are to be crawled anew and have no time: nothing of them is kept.
      if (crawled_at === null) kept.delete(id)
      else kept.set(id, { crawled_at, states })
    }
  }
  for (const { id } of hosts) if (!all.has(id)) all.set(id, kept.get(id)?.states ?? new Map())
  for (const id of kept.keys()) if (!all.has(id)) kept.delete(id)
  return all
}

async function readStates(app: App, hosts: readonly CrawledHost[]) {
  const { host_id, repository_id, fresh, listed, outcome } = mirror_repository
  const ids = hosts.map(({ id }) => id)
  const rows = await app.db
    .select({ host_id, repository_id, fresh, listed, outcome })
    .from(mirror_repository)
    .where(inArray(host_id, ids))
  const states = new Map<number, Map<number, MirrorState>>(ids.map((id) => [id, new Map()]))
  for (const row of rows) states.get(row.host_id)?.set(row.repository_id, stateOf(row))
  return states
}
