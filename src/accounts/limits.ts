/** Counts tries in the database, so that every web process sees them and a restart forgets none. */
import { createHash } from 'node:crypto'
import { lte, sql } from 'drizzle-orm'
import { rate_limit } from '../../db/schema/accounts.ts'
import { addressKey } from '../kernel/address.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { transaction } from '../kernel/transaction.ts'
import { type LimitName, limits, waitSeconds } from './limit.ts'

/** Addresses of people and networks are counted, not kept in a readable form. */
function keyOf(name: LimitName, who: string): string {
  return `${name}:${createHash('sha256').update(who).digest('hex').slice(0, 32)}`
}

/** Counts one try. The count is one upsert, so that two tries at once are two. */
async function count(tx: Tx, ctx: Ctx, name: LimitName, who: string) {
  const now = ctx.app.clock.now()
  const window_ends_at = now + limits[name].window_ms
  const over = sql`${rate_limit.window_ends_at} <= ${now}`
  const [row] = await tx
    .insert(rate_limit)
    .values({ key: keyOf(name, who), count: 1, window_ends_at })
    .onConflictDoUpdate({
      target: rate_limit.key,
      set: {
        count: sql`case when ${over} then 1 else ${rate_limit.count} + 1 end`,
        window_ends_at: sql`case when ${over} then ${window_ends_at} else ${rate_limit.window_ends_at} end`,
      },
    })
    .returning()
  return row
}

/**
 * Counts a try against the asker's address and the account it is at, before the work it pays for.
 * @param account what identifies the account as the asker typed it, whether or not it exists
 * @throws PortalError rate.limited
 */
export async function takeTry(
  ctx: Ctx,
  kind: 'sign-up' | 'log-in' | 'mailed-link' | 'prove' | 'group-ask' | 'package-ask' | 'comment',
  account: string,
): Promise<void> {
  const now = ctx.app.clock.now()
  const wait_s = await transaction(ctx, async (tx) => {
    const tries: [LimitName, string][] = [[`${kind}.account`, account]]
    if (ctx.address !== undefined) tries.push([`${kind}.address`, addressKey(ctx.address)])
    let longest_s = 0
    for (const [name, who] of tries) {
      const row = await count(tx, ctx, name, who)
      if (row && row.count > limits[name].tries)
        longest_s = Math.max(longest_s, waitSeconds(row.window_ends_at, now))
    }
    return longest_s
  })
  if (wait_s > 0) throw new PortalError('rate.limited', { params: { wait_s } })
}

/** Forgets windows that are over. */
export async function purgeLimits(tx: Tx, now_ms: number): Promise<void> {
  await tx.delete(rate_limit).where(lte(rate_limit.window_ends_at, now_ms))
}
