/** How pushes spread over the mirrors, and how punctual each mirror is. */
import { and, eq, inArray } from 'drizzle-orm'
import { mirror_arrival, mirror_host } from '../../db/schema/mirrors.ts'
import { MINUTE_MS } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import { publishedPushes } from '../repos/generations.ts'
import { type Punctuality, punctualityOf, type Spread, spreadOf } from './arrival.ts'

/** Pushes that are looked back at. */
export const LOOKED_BACK = 20

export interface Propagation {
  push_id: number
  /** Milliseconds since the epoch. */
  published_at: number
  spread: Spread
}

/** Public mirrors that may serve, with the moment from which pushes are theirs. */
async function publicMirrors(db: Reader) {
  const { id, proved_at } = mirror_host
  const serves = and(eq(mirror_host.state, 'active'), eq(mirror_host.visibility, 'public'))
  const rows = await db.select({ id, proved_at }).from(mirror_host).where(serves)
  return rows.flatMap((row) =>
    row.proved_at === null ? [] : [{ id: row.id, proved_at: row.proved_at }],
  )
}

async function recentArrivals(db: Reader, host_id?: number) {
  const pushes = await publishedPushes(db, LOOKED_BACK)
  const ids = pushes.map((push) => push.push_id)
  if (ids.length === 0) return { pushes, arrivals: [] }
  const own = host_id === undefined ? undefined : eq(mirror_arrival.host_id, host_id)
  const arrivals = await db
    .select()
    .from(mirror_arrival)
    .where(and(inArray(mirror_arrival.push_id, ids), own))
  return { pushes, arrivals }
}

/** The last pushes, newest first, each with the minutes that mirrors took to have it. */
export async function propagation(ctx: Ctx): Promise<Propagation[]> {
  const { db } = ctx.app
  const { pushes, arrivals } = await recentArrivals(db)
  const mirrors = await publicMirrors(db)
  const ids = new Set(mirrors.map((mirror) => mirror.id))
  const seen = Map.groupBy(
    arrivals.filter((row) => ids.has(row.host_id)),
    (row) => row.push_id,
  )
  return pushes.map(({ push_id, published_at }) => {
    const expected = mirrors.filter((mirror) => mirror.proved_at <= published_at).length
    const moments = (seen.get(push_id) ?? []).map((row) => row.seen_at)
    return { push_id, published_at, spread: spreadOf(expected, published_at, moments) }
  })
}

/** Of each mirror, or of one, over the last pushes. */
export async function punctualities(ctx: Ctx, host_id?: number): Promise<Map<number, Punctuality>> {
  const { db } = ctx.app
  const { pushes, arrivals } = await recentArrivals(db, host_id)
  const published = new Map(pushes.map((push) => [push.push_id, push.published_at]))
  const seen = Map.groupBy(arrivals, (row) => row.host_id)
  const mirrors = await db
    .select({ id: mirror_host.id, proved_at: mirror_host.proved_at })
    .from(mirror_host)
    .where(host_id === undefined ? undefined : eq(mirror_host.id, host_id))
  return new Map(
    mirrors.map(({ id, proved_at }) => {
      const own = pushes.filter((push) => proved_at !== null && push.published_at >= proved_at)
      const delays = (seen.get(id) ?? []).map((row) =>
        Math.max(0, (row.seen_at - (published.get(row.push_id) ?? row.seen_at)) / MINUTE_MS),
      )
      return [id, punctualityOf(own.length, delays)]
    }),
  )
}
