/** The life of a release: which state it may go to from which, why not, and what support it has. Pure. */
import type { ReleaseState } from '../kernel/distribution.ts'
import { type Reason, reason } from '../kernel/reason.ts'

export const releaseStates = ['pending', 'frozen', 'current', 'archived'] as const

/**
 * Forward is the life of a release; back is what is undone: a freeze that is lifted, one for a point release, an
 * end that came too early.
 */
const ways: Record<ReleaseState, readonly ReleaseState[]> = {
  pending: ['frozen'],
  frozen: ['current', 'pending'],
  current: ['archived', 'frozen'],
  archived: ['current'],
}

export interface LifeFacts {
  state: ReleaseState
  /** It was current once: people run it. */
  was_out: boolean
  /** The latest go or no-go; undefined where nothing is decided. */
  decision: 'go' | 'no-go' | undefined
  /** Day until which fixes are promised. */
  maintenance_until: string | undefined
  /** Today, UTC, as YYYY-MM-DD. */
  today: string
}

/** States that follow this one, whether or not something is in the way now. */
export function nextStates(state: ReleaseState): readonly ReleaseState[] {
  return ways[state]
}

/** Why a release may not go to a state; empty when it may. */
export function movesAgainst(facts: LifeFacts, to: ReleaseState): Reason[] {
  const { state, was_out } = facts
  if (to === state) return [reason('release.same-state', { state })]
  if (!ways[state].includes(to))
    return [reason('release.no-way', { from: state, to, next: ways[state].join(', ') })]
  // Pending lets seeds into stable without an update: not where people have it installed.
  if (to === 'pending' && was_out) return [reason('release.was-out')]
  if (to === 'current' && !was_out) return decisionReasons(facts)
  if (to === 'archived') return promiseReasons(facts)
  return []
}

/** Coming out is what go or no-go is about; what stands against a go was named there. */
function decisionReasons({ decision }: LifeFacts): Reason[] {
  if (decision === 'go') return []
  return [reason(decision === undefined ? 'release.undecided' : 'release.decided-no-go')]
}

function promiseReasons({ maintenance_until: until, today }: LifeFacts): Reason[] {
  return until !== undefined && until >= today ? [reason('release.promised', { until })] : []
}

/** full: all fixes; maintenance: security fixes and urgent ones; ended: none; unknown: nobody said. */
export type SupportPhase = 'not-out' | 'full' | 'maintenance' | 'ended' | 'unknown'

/** What support a release has today, by its state and by the days in distribution.yaml. */
export function supportPhase(
  facts: Pick<LifeFacts, 'state' | 'was_out' | 'maintenance_until' | 'today'> & {
    support_until: string | undefined
  },
): SupportPhase {
  const { state, was_out, support_until, maintenance_until, today } = facts
  if (state === 'archived') return 'ended'
  if (state !== 'current' && !was_out) return 'not-out'
  if (support_until !== undefined && today <= support_until) return 'full'
  if (maintenance_until !== undefined && today <= maintenance_until) return 'maintenance'
  return support_until === undefined && maintenance_until === undefined ? 'unknown' : 'ended'
}
