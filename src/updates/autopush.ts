/** Updates that have earned stable by time: looked for again and again, asked for on their behalf. */
import { and, asc, eq, gt, isNull } from 'drizzle-orm'
import { update } from '../../db/schema/updates.ts'
import type { Ctx } from '../kernel/context.ts'
import { transaction } from '../kernel/transaction.ts'
import { factsOf } from './facts.ts'
import { holdUpdate } from './hold.ts'
import { autopushDue } from './update.ts'

import { askForStable } from './votes.ts'

const PAGE = 200

/** Goes through all updates in testing that may go by themselves. @returns how many asked */
export async function askWhereDue(ctx: Ctx): Promise<number> {
  let asked = 0
  for (let after = 0; ; ) {
    const rows = await candidates(ctx, after)
    for (const { alias } of rows) if (await askIfDue(ctx, alias)) asked++
    const last = rows.at(-1)
    if (!last || rows.length < PAGE) return asked
    after = last.id
  }
}

function candidates(ctx: Ctx, after: number) {
  return ctx.app.db
    .select({ id: update.id, alias: update.alias })
    .from(update)
    .where(
      and(
        eq(update.status, 'testing'),
        isNull(update.request),
        isNull(update.push_id),
        isNull(update.autopush_stopped_at),
        gt(update.id, after),
      ),
    )
    .orderBy(asc(update.id))
    .limit(PAGE)
}

async function askIfDue(ctx: Ctx, alias: string): Promise<boolean> {
  return transaction(ctx, async (tx) => {
    const row = await holdUpdate(tx, alias)
    if (row.status !== 'testing' || row.request !== null || row.push_id !== null) return false
    const because = autopushDue(await factsOf(ctx.app, tx, row))
    await askForStable(tx, ctx, row, because)
    return because !== undefined
  })
}
