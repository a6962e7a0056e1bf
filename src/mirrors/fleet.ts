/** All mirrors together: how many are in which state, and whether the crawler keeps up. */
import type { Ctx } from '../kernel/context.ts'
import { CRAWL_EVERY_MS } from './crawl.ts'
import { holdOf } from './mirror.ts'
import { type HostRow, hostsWithSites, standingsOfHosts } from './queries.ts'

export type FleetState = 'fresh' | 'stale' | 'failing' | 'unchecked'

export interface Fleet extends Record<FleetState, number> {
  /** Milliseconds since the epoch; null when no mirror was ever looked at. */
  last_crawl_at: number | null
  /** Mirrors that the crawler should have been through with again. */
  overdue: number
}

/** A crawl that waits behind others is not late yet. */
export const OVERDUE_MS = 3 * CRAWL_EVERY_MS

/** How a mirror stands as a whole, by the ways in which its repositories stand, each once or more. Pure. */
export function fleetState(
  crawled_at: number | null,
  repositories: readonly { listed: boolean; outcome: string }[],
): FleetState {
  if (crawled_at === null || repositories.length === 0) return 'unchecked'
  if (repositories.every(({ listed }) => !listed)) return 'failing'
  return repositories.every(({ listed, outcome }) => listed && outcome === 'fresh')
    ? 'fresh'
    : 'stale'
}

/** Counts of the mirrors that clients may be sent to; those that are held for a reason of their own are not in. */
export async function mirrorFleet(ctx: Ctx): Promise<Fleet> {
  const { db, clock } = ctx.app
  const now = clock.now()
  const all = (await hostsWithSites(db)).map(({ host }) => host)
  const hosts = all.filter((host) => holdOf(host, now) === undefined)
  const states = Map.groupBy(await standingsOfHosts(db), (each) => each.host_id)
  const fleet: Fleet = {
    ...{ fresh: 0, stale: 0, failing: 0, unchecked: 0 },
    last_crawl_at: newest(all),
    overdue: hosts.filter((host) => now - lookedAt(host) > OVERDUE_MS).length,
  }
  for (const host of hosts) fleet[fleetState(host.crawled_at, states.get(host.id) ?? [])]++
  return fleet
}

/** One that was never looked at is due since it was entered or changed. */
const lookedAt = ({ crawled_at, modified_at, proved_at }: HostRow) =>
  crawled_at ?? Math.max(modified_at, proved_at ?? 0)

const newest = (hosts: readonly HostRow[]) =>
  hosts.reduce<number | null>(
    (last, { crawled_at }) => (crawled_at === null ? last : Math.max(last ?? 0, crawled_at)),
    null,
  )
