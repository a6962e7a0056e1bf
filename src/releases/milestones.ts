/** The schedule: made from the distribution's data once, then moved by slips that stay on record. */
import { eq } from 'drizzle-orm'
import { milestone, milestone_slip } from '../../db/schema/releases.ts'
import { getRelease } from '../distribution/releases.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { actorName, type Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { dayOf, daySchema, daysBetween, type MilestoneStanding, standings } from './milestone.ts'
import { type MilestoneRow, milestoneRows, type SlipRow, slipRows } from './queries.ts'

export type { MilestoneRow, SlipRow } from './queries.ts'

/** Makes milestones that the distribution's data has and the database lacks. Dates there are first plans. */
export async function syncMilestones(ctx: Ctx): Promise<void> {
  await transaction(ctx, async (tx) => {
    for (const { name: release, schedule } of ctx.app.distribution.releases)
      for (const [position, { id: key, name, date }] of schedule.entries())
        await tx
          .insert(milestone)
          .values({ release, key, name, position, first_date: date, date })
          .onConflictDoUpdate({
            target: [milestone.release, milestone.key],
            set: { name, position },
          })
  })
}

export interface ScheduledMilestone {
  milestone: MilestoneRow
  standing: MilestoneStanding
  slips: SlipRow[]
  /** From the first plan to what holds now. */
  days_late: number
}

/** @throws PortalError not-found */
export async function scheduleOf(ctx: Ctx, release: string): Promise<ScheduledMilestone[]> {
  const { app } = ctx
  await getRelease(app.db, release)
  const rows = await milestoneRows(app.db, release)
  const slips = await slipRows(
    app.db,
    rows.map(({ id }) => id),
  )
  const stand = standings(rows, dayOf(app.clock.now()))
  return rows.map((row, at) => ({
    milestone: row,
    standing: stand[at] ?? 'later',
    slips: slips.filter((slip) => slip.milestone_id === row.id),
    days_late: daysBetween(row.first_date, row.date),
  }))
}

async function milestoneOf(db: Reader, release: string, key: string): Promise<MilestoneRow> {
  const found = (await milestoneRows(db, release)).find((row) => row.key === key)
  if (!found) throw new PortalError('not-found', { field: 'milestone' })
  return found
}

async function holdOpen(tx: Tx, release: string, key: string): Promise<MilestoneRow> {
  const row = await milestoneOf(tx, release, key)
  if (row.reached_at !== null) throw invalid('milestone', reason('release.milestone-reached'))
  return row
}

/**
 * Moves a milestone to another day; what was planned before stays readable with the reason.
 * @throws PortalError not-found, input.invalid, account.*
 */
export async function moveMilestone(
  ctx: Ctx,
  release: string,
  key: string,
  input: { date: string; reason: string },
): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  const parsed = daySchema.safeParse(input.date)
  if (!parsed.success) throw invalid('date', reason('release.day'))
  const why = input.reason.trim().slice(0, 2000)
  if (why === '') throw invalid('reason', reason('release.slip-reason'))
  await transaction(ctx, async (tx) => {
    const row = await holdOpen(tx, release, key)
    if (row.date === parsed.data) throw invalid('date', reason('release.same-day'))
    const slip = { from_date: row.date, to_date: parsed.data, reason: why }
    const record = { decided_by: actorName(ctx.actor), at: ctx.app.clock.now() }
    await tx.insert(milestone_slip).values({ milestone_id: row.id, ...slip, ...record })
    await tx.update(milestone).set({ date: parsed.data }).where(eq(milestone.id, row.id))
    const subject = `release:${release}`
    const details = { milestone: key, from: slip.from_date, to: slip.to_date }
    await audit(tx, ctx, { action: 'release.slipped', subject, reason: why, details })
    await emit(tx, ctx, 'release.slipped', subject, { ...details, reason: why })
  })
}

/** Says that a milestone is reached, now. @throws PortalError not-found, input.invalid, account.* */
export async function reachMilestone(ctx: Ctx, release: string, key: string): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  await transaction(ctx, async (tx) => {
    const row = await holdOpen(tx, release, key)
    const reached_at = ctx.app.clock.now()
    await tx.update(milestone).set({ reached_at }).where(eq(milestone.id, row.id))
    const subject = `release:${release}`
    await audit(tx, ctx, { action: 'release.reached', subject, details: { milestone: key } })
    await emit(tx, ctx, 'release.reached', subject, { milestone: key, name: row.name })
  })
}
