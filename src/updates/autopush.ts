/** Updates that have earned stable by time: looked for again and again, asked for on their behalf. */
import { and, asc, eq, lte } from 'drizzle-orm'
import { update } from '../../db/schema/updates.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Subscriber } from '../kernel/subscribers.ts'
import { transaction } from '../kernel/transaction.ts'
import { factsOf } from './facts.ts'
import { holdUpdate } from './hold.ts'
import { askForStable } from './karma.ts'
import { autopushDue, nextAskAt } from './update.ts'

const PAGE = 200

/**
 * Asks of each update that something happened to, or whose time has come, whether it goes to stable by itself. Costs
 * what changed, however many are in testing.
 * @returns how many asked
 */
export async function askWhereDue(ctx: Ctx): Promise<number> {
  let asked = 0
  for (;;) {
    const rows = await due(ctx)
    for (const { alias } of rows) if (await askIfDue(ctx, alias)) asked++
    if (rows.length < PAGE) return asked
  }
}

function due(ctx: Ctx) {
  return ctx.app.db
    .select({ alias: update.alias })
    .from(update)
    .where(lte(update.ask_at, ctx.app.clock.now()))
    .orderBy(asc(update.ask_at))
    .limit(PAGE)
}

async function askIfDue(ctx: Ctx, alias: string): Promise<boolean> {
  return transaction(ctx, async (tx) => {
    const row = await holdUpdate(tx, alias)
    const facts = await factsOf(ctx.app, tx, row)
    await tx
      .update(update)
      .set({ ask_at: nextAskAt(facts) })
      .where(eq(update.id, row.id))
    if (row.status !== 'testing' || row.request !== null || row.push_id !== null) return false
    const because = autopushDue(facts)
    await askForStable(tx, ctx, row, because)
    return because !== undefined
  })
}

/** What has changed for a whole release changes it for all that are in testing there. */
export const askFollowsRelease: Subscriber = {
  name: 'ask-follows-release',
  types: ['release.state'],
  async handle(tx, _ctx, event) {
    const release = event.subject.replace(/^release:/, '')
    await tx
      .update(update)
      .set({ ask_at: 0 })
      .where(and(eq(update.release, release), eq(update.status, 'testing')))
  },
}

/** The release's policy may be another one since the last start. */
export async function askAllAgain(ctx: Ctx): Promise<void> {
  await transaction(ctx, (tx) =>
    tx.update(update).set({ ask_at: 0 }).where(eq(update.status, 'testing')),
  )
}
