/** Moves a release through its life, by the rule of move.ts, and tells how it came to where it is. */
import {
  describeRelease,
  getRelease,
  type ReleaseRow,
  type StateChange,
  setReleaseState,
  stateChanges,
} from '../distribution/releases.ts'
import { requireRole } from '../kernel/access.ts'
import type { Ctx } from '../kernel/context.ts'
import type { ReleaseDescription, ReleaseState } from '../kernel/distribution.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { dayOf } from './milestone.ts'
import {
  type LifeFacts,
  movesAgainst,
  nextStates,
  type SupportPhase,
  supportPhase,
} from './move.ts'
import { decisionRows } from './queries.ts'

export const MOVE_REASON_MAX_CHARS = 2000

export interface ReleaseLife {
  release: ReleaseRow
  about: ReleaseDescription
  /** Newest first. */
  changes: StateChange[]
  support: SupportPhase
  /** Where it can go from here, each with what is in the way. */
  moves: { state: ReleaseState; against: Reason[] }[]
}

/** @throws PortalError not-found */
export async function lifeOf(ctx: Ctx, name: string): Promise<ReleaseLife> {
  const release = await getRelease(ctx.app.db, name)
  const about = describeRelease(ctx.app, name)
  const changes = await stateChanges(ctx, name)
  const facts = await factsOf(ctx, release, about, changes)
  const moves = nextStates(release.state).map((state) => ({
    ...{ state, against: movesAgainst(facts, state) },
  }))
  const support = supportPhase({ ...facts, support_until: about.support_until })
  return { release, about, changes, support, moves }
}

async function factsOf(
  ctx: Ctx,
  release: ReleaseRow,
  about: ReleaseDescription,
  changes: StateChange[],
): Promise<LifeFacts> {
  const [latest] = await decisionRows(ctx.app.db, release.name)
  const { state } = release
  return {
    state,
    was_out:
      ['current', 'archived'].includes(state) ||
      changes.some((each) => each.from === 'current' || each.state === 'current'),
    decision: latest?.decision,
    maintenance_until: about.maintenance_until,
    today: dayOf(ctx.app.clock.now()),
  }
}

/**
 * An administrator moves a release to another state; everyone reads why.
 * @throws PortalError release.refused with the reasons, input.invalid, not-found, account.*
 */
export async function moveRelease(
  ctx: Ctx,
  name: string,
  input: { state: ReleaseState; reason: string },
): Promise<ReleaseLife> {
  requireRole(ctx, 'admin', 'admin')
  const why = input.reason.trim()
  if (why === '' || why.length > MOVE_REASON_MAX_CHARS)
    throw invalid('reason', reason('release.move-reason', { max: MOVE_REASON_MAX_CHARS }))
  const { release, about, changes } = await lifeOf(ctx, name)
  const facts = await factsOf(ctx, release, about, changes)
  const reasons = movesAgainst(facts, input.state)
  if (reasons.length > 0) throw new PortalError('release.refused', { field: 'state', reasons })
  await setReleaseState(ctx, name, input.state, why, release.state)
  return lifeOf(ctx, name)
}
