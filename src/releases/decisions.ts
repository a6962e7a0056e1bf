/** Go or no-go: a recorded decision with everything that was known at that moment. */
import { release_decision } from '../../db/schema/releases.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { actorName, type Ctx } from '../kernel/context.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { mayGo } from './blocker.ts'
import { listBlockers } from './blockers.ts'
import { scheduleOf } from './milestones.ts'
import { type DecisionRow, decisionRows } from './queries.ts'
import { totalOf } from './readiness.ts'
import { readinessReport } from './reports.ts'

export type { DecisionRow } from './queries.ts'

export function listDecisions(ctx: Ctx, release: string): Promise<DecisionRow[]> {
  return decisionRows(ctx.app.db, release)
}

/** What stands against the release as things are now. @throws PortalError not-found */
export async function reasonsAgainst(ctx: Ctx, release: string): Promise<Reason[]> {
  return (await momentOf(ctx, release)).reasons
}

/** Readiness, blockers and schedule, small enough to be kept with a decision. */
async function momentOf(ctx: Ctx, release: string) {
  const report = await readinessReport(ctx, release)
  const blockers = await listBlockers(ctx, release, { kind: 'blocker' })
  const named = (state: string) =>
    blockers
      .filter(({ blocker }) => blocker.state === state)
      .map(({ blocker }) => ({ id: blocker.id, title: blocker.title }))
  const open = named('accepted')
  const proposed = named('proposed')
  const missing = totalOf(report.total) - report.total.stable
  const counts = { open_blockers: open.length, proposed: proposed.length }
  const reasons = mayGo({ ...counts, missing, total: totalOf(report.total) })
  const schedule = (await scheduleOf(ctx, release)).map(({ milestone, days_late }) => ({
    ...{ key: milestone.key, date: milestone.date, reached_at: milestone.reached_at, days_late },
  }))
  return {
    reasons,
    state: { total: report.total, counts: report.counts, open, proposed, schedule, reasons },
  }
}

/**
 * Records a decision. A go while reasons stand against it needs them to be named: `in_spite` is set by whoever
 * has read them.
 * @throws PortalError release.refused with the reasons against a go, input.invalid, account.*
 */
export async function decideRelease(
  ctx: Ctx,
  release: string,
  input: { milestone: string; decision: 'go' | 'no-go'; reason: string; in_spite?: boolean },
): Promise<DecisionRow> {
  requireRole(ctx, 'admin', 'admin')
  const why = input.reason.trim().slice(0, 5000)
  if (why === '') throw invalid('reason', reason('release.decision-reason'))
  const schedule = await scheduleOf(ctx, release)
  if (!schedule.some(({ milestone }) => milestone.key === input.milestone))
    throw new PortalError('not-found', { field: 'milestone' })
  const { reasons, state } = await momentOf(ctx, release)
  if (input.decision === 'go' && reasons.length > 0 && !input.in_spite)
    throw new PortalError('release.refused', { reasons })
  return transaction(ctx, async (tx) => {
    const { milestone, decision } = input
    const record = { decided_by: actorName(ctx.actor), at: ctx.app.clock.now(), state }
    const [row] = await tx
      .insert(release_decision)
      .values({ release, milestone, decision, reason: why, ...record })
      .returning()
    if (!row) throw new Error('a decision was not kept')
    const subject = `release:${release}`
    const details = { milestone, decision }
    await audit(tx, ctx, { action: 'release.decided', subject, reason: why, details })
    await emit(tx, ctx, 'release.decided', subject, { ...details, reason: why })
    return row
  })
}
