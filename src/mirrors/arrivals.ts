/** When each mirror was first seen with all of a push: what propagation is measured by. */
import { and, eq, inArray, lt } from 'drizzle-orm'
import { mirror_arrival } from '../../db/schema/mirrors.ts'
import { DAY_MS } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { transaction } from '../kernel/transaction.ts'
import { arrivedPushes } from './arrival.ts'
import type { RepositoryState } from './crawl.ts'
import type { WantedRepository } from './looks.ts'
import type { HostRow } from './queries.ts'

/** Arrivals are noted for pushes that are not older than this; a mirror that is later than that is down. */
const NOTED_MS = 7 * DAY_MS
/** And kept as long as evidence is. */
const KEPT_MS = 366 * DAY_MS

/** Notes the pushes that a mirror has by now and had not before. Pushes from before it was proved are not its. */
export async function keepArrivals(
  tx: Tx,
  host: Pick<HostRow, 'id' | 'proved_at'>,
  repositories: readonly WantedRepository[],
  states: ReadonlyMap<number, Pick<RepositoryState, 'generation_id'>>,
  now: number,
): Promise<void> {
  const since = Math.max(now - NOTED_MS, host.proved_at ?? now)
  const arrived = arrivedPushes(repositories, states, since)
  if (arrived.length === 0) return
  const { host_id, push_id } = mirror_arrival
  const noted = await tx
    .select({ push_id })
    .from(mirror_arrival)
    .where(and(eq(host_id, host.id), inArray(push_id, arrived)))
  const known = new Set(noted.map((row) => row.push_id))
  const rows = arrived
    .filter((push) => !known.has(push))
    .map((push) => ({ push_id: push, host_id: host.id, seen_at: now }))
  if (rows.length > 0) await tx.insert(mirror_arrival).values(rows).onConflictDoNothing()
}

/** Forgets arrivals that are older than evidence may be. */
export async function purgeArrivals(ctx: Ctx): Promise<void> {
  const until = ctx.app.clock.now() - KEPT_MS
  await transaction(ctx, (tx) => tx.delete(mirror_arrival).where(lt(mirror_arrival.seen_at, until)))
}
