/** Propagation of pushes: what counts as arrived, and how long a share of the mirrors took. Pure. */
import { MINUTE_MS } from '../kernel/clock.ts'

interface PublishedRepository {
  id: number
  /** Newest first. */
  generations: readonly { id: number; push_id: number; published_at: number }[]
}

/**
 * Pushes that a mirror has: of every repository that it carries and the push changed, this generation or
 * a later one.
 * @param since_ms pushes published before are left out
 */
export function arrivedPushes(
  repositories: readonly PublishedRepository[],
  states: ReadonlyMap<number, { generation_id: number }>,
  since_ms: number,
): number[] {
  const has = new Map<number, boolean>()
  for (const { id, generations } of repositories) {
    const seen = states.get(id)?.generation_id ?? 0
    for (const generation of generations)
      if (generation.published_at >= since_ms) {
        const before = has.get(generation.push_id) ?? true
        has.set(generation.push_id, before && seen >= generation.id)
      }
  }
  return [...has].filter(([, whole]) => whole).map(([push]) => push)
}

/** Shares of the mirrors, in per cent, that propagation is told by. */
export const shares = [50, 90, 99] as const

export interface Spread {
  /** Mirrors that the push is for. */
  mirrors: number
  /** Minutes from publication, ascending, of those that have it. */
  minutes: number[]
  /** Minutes until so many per cent had it; null while they do not. */
  until: { share: (typeof shares)[number]; minutes: number | null }[]
}

/**
 * @param mirrors how many the push is for
 * @param seen moments at which mirrors were first seen with it
 */
export function spreadOf(mirrors: number, published_at: number, seen: readonly number[]): Spread {
  const minutes = seen
    .map((at) => Math.max(0, Math.round((at - published_at) / MINUTE_MS)))
    .sort((a, b) => a - b)
  const all = Math.max(mirrors, minutes.length)
  const until = shares.map((share) => {
    const needed = Math.ceil((all * share) / 100)
    return { share, minutes: needed === 0 ? null : (minutes[needed - 1] ?? null) }
  })
  return { mirrors: all, minutes, until }
}

/** Delay and reliability of one mirror over some pushes. */
export interface Punctuality {
  pushes: number
  /** Of them, those that arrived. */
  arrived: number
  mean_minutes: number | null
  deviation_minutes: number | null
  /**
   * Hours of mean delay and of its standard deviation, over the share of pushes that arrived: less is better.
   * The formula is that of Arch Linux (archweb, mirror status).
   */
  score: number | null
}

/** @param delays minutes of the pushes that arrived */
export function punctualityOf(pushes: number, delays: readonly number[]): Punctuality {
  const arrived = delays.length
  if (arrived === 0)
    return { pushes, arrived, mean_minutes: null, deviation_minutes: null, score: null }
  const mean = delays.reduce((sum, each) => sum + each, 0) / arrived
  const variance = delays.reduce((sum, each) => sum + (each - mean) ** 2, 0) / arrived
  const deviation = Math.sqrt(variance)
  const share = arrived / Math.max(pushes, arrived)
  return {
    ...{ pushes, arrived, mean_minutes: mean, deviation_minutes: deviation },
    score: (mean + deviation) / 60 / share,
  }
}
