/** countme and answers as edges report them, added up. Nothing here knows an address. */
import { sql } from 'drizzle-orm'
import { countme, mirror_answer } from '../../db/schema/mirrors.ts'
import { requireRole } from '../kernel/access.ts'
import type { Ctx } from '../kernel/context.ts'
import { invalid } from '../kernel/errors.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import type { Counts } from './edge/counter.ts'

/** Keys are the counter's: fields with tabs between. */
function fields(key: string, count: number): string[] {
  const parts = key.split('\t')
  const dated = /^\d{4}-\d{2}-\d{2}$/.test(parts[0] ?? '')
  if (!dated || parts.length !== count || parts.some((part) => part.length > 100))
    throw wrongKey(key)
  return parts
}

const wrongKey = (key: string) =>
  invalid('counts', reason('mirror.count-key', { key: key.slice(0, 100) }))

/** Adds what an edge counted; its token needs no more than the scope for that. @throws PortalError account.*, input.invalid */
export async function addCounts(ctx: Ctx, counts: Counts): Promise<void> {
  requireRole(ctx, 'admin', 'edge')
  await transaction(ctx, async (tx) => {
    for (const [key, count] of Object.entries(counts.countme)) {
      const [week = '', repository = '', arch = '', bucket = ''] = fields(key, 4)
      if (!/^[1-4]$/.test(bucket)) throw wrongKey(key)
      await tx
        .insert(countme)
        .values({ week, repository, arch, bucket: Number(bucket), count })
        .onConflictDoUpdate({
          target: [countme.week, countme.repository, countme.arch, countme.bucket],
          set: { count: sql`${countme.count} + ${count}` },
        })
    }
    for (const [key, count] of Object.entries(counts.answers)) {
      const [day = '', repository = '', country = ''] = fields(key, 3)
      await tx
        .insert(mirror_answer)
        .values({ day, repository, country, count })
        .onConflictDoUpdate({
          target: [mirror_answer.day, mirror_answer.repository, mirror_answer.country],
          set: { count: sql`${mirror_answer.count} + ${count}` },
        })
    }
  })
}
