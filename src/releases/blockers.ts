/** Blockers and freeze exceptions: proposed by anyone with a reason, voted, decided with a reason. */
import { and, eq } from 'drizzle-orm'
import { blocker, blocker_vote } from '../../db/schema/releases.ts'
import { takeTry } from '../accounts/limits.ts'
import { getRelease } from '../distribution/releases.ts'
import { requirePerson, requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { actorName, type Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { setFreezeException } from '../updates/freeze.ts'
import { getUpdate } from '../updates/updates.ts'
import { type BlockerInput, mayDecide } from './blocker.ts'
import {
  type BlockerFilter,
  type BlockerRow,
  blockerRows,
  blockerVotes,
  findBlocker,
  voteSums,
} from './queries.ts'

export type { BlockerRow, BlockerVoteRow } from './queries.ts'

export interface BlockerSummary {
  blocker: BlockerRow
  votes: number
  sum: number
}

/** Newest first. @throws PortalError not-found */
export async function listBlockers(
  ctx: Ctx,
  release: string,
  filter: BlockerFilter = {},
): Promise<BlockerSummary[]> {
  const { db } = ctx.app
  await getRelease(db, release)
  const rows = await blockerRows(db, release, filter)
  const sums = await voteSums(
    db,
    rows.map(({ id }) => id),
  )
  return rows.map((row) => ({ blocker: row, ...(sums.get(row.id) ?? { votes: 0, sum: 0 }) }))
}

/** @throws PortalError not-found */
export async function viewBlocker(ctx: Ctx, release: string, id: number) {
  const row = await findBlocker(ctx.app.db, id)
  if (row?.release !== release) throw new PortalError('not-found', { field: 'blocker' })
  return { blocker: row, votes: await blockerVotes(ctx.app.db, id) }
}

/** @throws PortalError not-found, input.invalid, account.* */
export async function proposeBlocker(
  ctx: Ctx,
  release: string,
  input: BlockerInput,
): Promise<BlockerRow> {
  requireRole(ctx, 'member', 'vote')
  const person = requirePerson(ctx)
  await takeTry(ctx, 'comment', person.username)
  const { app } = ctx
  await getRelease(app.db, release)
  if (!app.distribution.criteria.some(({ id }) => id === input.criterion))
    throw invalid('criterion', reason('blocker.criterion'))
  await checkUpdate(ctx, release, input)
  const { update_alias, ...own } = input
  return transaction(ctx, async (tx) => {
    const [row] = await tx
      .insert(blocker)
      .values({
        ...own,
        ...{ release, update_alias: update_alias || null, state: 'proposed' },
        ...{ proposer_id: person.id, proposer: person.username, created_at: app.clock.now() },
      })
      .returning()
    if (!row) throw new Error('a proposal was not kept')
    await note(tx, ctx, row, 'proposed')
    return row
  })
}

/** An exception is for an update that is there, in this release. */
async function checkUpdate(ctx: Ctx, release: string, input: BlockerInput): Promise<void> {
  if (!input.update_alias) {
    if (input.kind === 'exception') throw invalid('update_alias', reason('blocker.update-needed'))
    return
  }
  const found = await getUpdate(ctx, input.update_alias).catch(() => undefined)
  if (found?.release !== release) throw invalid('update_alias', reason('blocker.update-unknown'))
}

async function note(
  tx: Tx,
  ctx: Ctx,
  row: BlockerRow,
  what: 'proposed' | 'voted' | 'accepted' | 'rejected' | 'resolved',
  why?: string,
): Promise<void> {
  const subject = `${row.kind}:${row.id}`
  const details = { release: row.release, title: row.title }
  await audit(tx, ctx, {
    ...{ action: `blocker.${what}`, subject, details },
    ...(why !== undefined && { reason: why }),
  })
  await emit(tx, ctx, `blocker.${what}`, subject, { ...details, ...(why && { reason: why }) })
}

/** The row, held against others for this transaction. @throws PortalError not-found, release.refused */
async function holdProposal(tx: Tx, release: string, id: number): Promise<BlockerRow> {
  const [row] = await tx
    .update(blocker)
    .set({ release })
    .where(and(eq(blocker.id, id), eq(blocker.release, release)))
    .returning()
  if (!row) throw new PortalError('not-found', { field: 'blocker' })
  if (row.state !== 'proposed')
    throw new PortalError('release.refused', {
      reasons: [reason('blocker.decided', { state: row.state })],
    })
  return row
}

/** One vote a person, changeable while the proposal is open. @throws PortalError */
export async function voteBlocker(
  ctx: Ctx,
  release: string,
  id: number,
  input: { vote: number; comment: string },
): Promise<void> {
  requireRole(ctx, 'member', 'vote')
  const person = requirePerson(ctx)
  await takeTry(ctx, 'comment', person.username)
  await transaction(ctx, async (tx) => {
    const row = await holdProposal(tx, release, id)
    const said = { ...input, at: ctx.app.clock.now() }
    const own = { blocker_id: id, person_id: person.id, username: person.username }
    await tx
      .insert(blocker_vote)
      .values({ ...own, ...said })
      .onConflictDoUpdate({
        target: [blocker_vote.blocker_id, blocker_vote.person_id],
        set: said,
      })
    await note(tx, ctx, row, 'voted')
  })
}

/**
 * Accepts or rejects, by the votes and with a reason. An accepted exception lets its update through the freeze.
 * @throws PortalError not-found, release.refused with what lacks, input.invalid, account.*
 */
export async function decideBlocker(
  ctx: Ctx,
  release: string,
  id: number,
  input: { decision: 'accepted' | 'rejected'; reason: string },
): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  const why = input.reason.trim().slice(0, 5000)
  if (why === '') throw invalid('reason', reason('release.decision-reason'))
  await transaction(ctx, async (tx) => {
    const row = await holdProposal(tx, release, id)
    const votes = (await blockerVotes(tx, id)).map(({ vote }) => vote)
    const reasons = mayDecide(votes, input.decision)
    if (reasons.length > 0) throw new PortalError('release.refused', { reasons })
    await close(tx, ctx, row, input.decision, why)
    if (row.kind === 'exception' && row.update_alias && input.decision === 'accepted')
      await setFreezeException(tx, ctx, row.update_alias, why)
  })
}

async function close(
  tx: Tx,
  ctx: Ctx,
  row: BlockerRow,
  state: 'accepted' | 'rejected' | 'resolved',
  why: string,
): Promise<void> {
  const record = { decided_by: actorName(ctx.actor), decided_at: ctx.app.clock.now() }
  await tx
    .update(blocker)
    .set({ state, decision_reason: why, ...record })
    .where(eq(blocker.id, row.id))
  await note(tx, ctx, row, state, why)
}

/** An accepted blocker is mended. @throws PortalError not-found, release.refused, input.invalid, account.* */
export async function resolveBlocker(
  ctx: Ctx,
  release: string,
  id: number,
  why: string,
): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  if (why.trim() === '') throw invalid('reason', reason('release.decision-reason'))
  await transaction(ctx, async (tx) => {
    const row = await findBlocker(tx, id)
    if (row?.release !== release) throw new PortalError('not-found', { field: 'blocker' })
    if (row.state !== 'accepted')
      throw new PortalError('release.refused', {
        reasons: [reason('blocker.decided', { state: row.state })],
      })
    await close(tx, ctx, row, 'resolved', why.trim().slice(0, 5000))
  })
}
