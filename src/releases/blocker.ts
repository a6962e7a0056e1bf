/** Blockers and freeze exceptions: what they need, and when a decision may be made. Pure. */
import { z } from 'zod'
import { type Reason, reason } from '../kernel/reason.ts'

export const blockerKinds = ['blocker', 'exception'] as const
export type BlockerKind = (typeof blockerKinds)[number]
export const blockerStates = ['proposed', 'accepted', 'rejected', 'resolved'] as const
export type BlockerState = (typeof blockerStates)[number]

/** Votes against each other before a decision, so that no one decides alone. */
export const VOTES_NEEDED = 3

const text = (most: number) => z.string().trim().min(1, 'must not be empty').max(most)

export const blockerInput = z.object({
  kind: z.enum(blockerKinds),
  title: text(200),
  criterion: z.string().max(100),
  justification: text(10_000),
  bug_url: z
    .union([z.literal(''), z.url({ protocol: /^https?$/, message: 'must be an http(s) address' })])
    .default(''),
  update_alias: z.string().trim().max(100).optional(),
})
export type BlockerInput = z.infer<typeof blockerInput>

export const blockerVoteInput = z.object({
  vote: z.coerce.number().int().min(-1).max(1),
  comment: z.string().trim().max(5000).default(''),
})

/** Why a proposal may not be decided like this yet; empty when it may. */
export function mayDecide(votes: readonly number[], decision: 'accepted' | 'rejected'): Reason[] {
  const reasons: Reason[] = []
  if (votes.length < VOTES_NEEDED)
    reasons.push(reason('blocker.votes-lack', { votes: votes.length, need: VOTES_NEEDED }))
  const sum = votes.reduce((total, each) => total + each, 0)
  const against = decision === 'accepted' ? sum < 0 : sum > 0
  if (against) reasons.push(reason('blocker.votes-against', { sum }))
  return reasons
}

/** Why a release may not go; empty when it may. A no-go needs no such reasons. */
export function mayGo(facts: {
  open_blockers: number
  proposed: number
  missing: number
  total: number
}): Reason[] {
  const reasons: Reason[] = []
  if (facts.open_blockers > 0)
    reasons.push(reason('release.open-blockers', { count: facts.open_blockers }))
  if (facts.proposed > 0)
    reasons.push(reason('release.proposed-blockers', { count: facts.proposed }))
  if (facts.total === 0) reasons.push(reason('release.no-list'))
  if (facts.missing > 0) reasons.push(reason('release.not-ready', { count: facts.missing }))
  return reasons
}
