/** Feedback: one live vote a person a revision, changeable and withdrawable; comments beside it. */
import { and, eq, isNull } from 'drizzle-orm'
import { comment, gate_result, update, vote, vote_history } from '../../db/schema/updates.ts'
import { takeTry } from '../accounts/limits.ts'
import { type Person, requirePerson, requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { reason } from '../kernel/reason.ts'
import { renderText } from '../kernel/rendering.ts'
import { transaction } from '../kernel/transaction.ts'
import { factsOf } from './facts.ts'
import { holdUpdate } from './hold.ts'
import { endUpdate } from './obsolete.ts'
import { leavePush } from './push-ends.ts'
import {
  bugsOfUpdates,
  gatesOfUpdates,
  karmaOfUpdates,
  testcasesOfUpdates,
  type UpdateRow,
} from './queries.ts'
import { autopushDue, isUnstable, VOTABLE } from './update.ts'
import { requireMaintainerOf } from './updates.ts'

export type Karma = -1 | 0 | 1

export interface VoteInput {
  karma: Karma
  /** The revision that the person looked at. */
  revision?: number | undefined
  /** `update`, `bug:<id>` or `testcase:<id>`. */
  subject?: string
  /** Markdown; a comment may come with a vote. */
  text?: string
}

/**
 * Casts or changes the vote of the person who asks.
 * @returns the update's karma afterwards
 * @throws PortalError account.*, update.own-vote, update.not-votable
 */
export async function castVote(ctx: Ctx, alias: string, input: VoteInput): Promise<number> {
  requireRole(ctx, 'member', 'vote')
  const person = requirePerson(ctx)
  if (input.text) await prepareComment(ctx, person, input.text)
  return transaction(ctx, async (tx) => {
    const row = await votable(tx, alias, person)
    refuseMoved(row, input.revision)
    const subject = await knownSubject(tx, row, input.subject ?? 'update')
    // One moment for both: so a reader knows which vote a comment came with.
    const at = ctx.app.clock.now()
    await keepVote(tx, row, person, subject, input.karma, at)
    if (input.text) await addComment(tx, row, person, input.text, input.karma, at)
    const karma = await applyKarma(tx, ctx, row, subject, input.karma)
    const details = { subject, karma: input.karma, revision: row.revision }
    await audit(tx, ctx, { action: 'update.voted', subject: `update:${alias}`, details })
    await emit(tx, ctx, 'update.voted', `update:${alias}`, { subject, karma })
    return karma
  })
}

async function votable(tx: Tx, alias: string, person: Person): Promise<UpdateRow> {
  const row = await holdUpdate(tx, alias)
  if (!VOTABLE.includes(row.status))
    throw new PortalError('update.not-votable', { params: { status: row.status } })
  if (row.submitter_id === person.id) throw new PortalError('update.own-vote')
  return row
}

async function knownSubject(tx: Tx, row: UpdateRow, subject: string): Promise<string> {
  const [kind, number] = subject.split(':')
  const parts =
    kind === 'bug'
      ? await bugsOfUpdates(tx, [row.id])
      : kind === 'testcase'
        ? await testcasesOfUpdates(tx, [row.id])
        : []
  if (subject === 'update' || parts.some((part) => String(part.id) === number)) return subject
  throw invalid('subject', reason('update.vote-subject', { subject: subject.slice(0, 100) }))
}

async function keepVote(
  tx: Tx,
  row: UpdateRow,
  person: Person,
  subject: string,
  karma: Karma,
  at: number,
): Promise<void> {
  const key = { update_id: row.id, revision: row.revision, subject, person_id: person.id }
  const [kept] = await tx
    .insert(vote)
    .values({ ...key, username: person.username, karma, at })
    .onConflictDoUpdate({
      target: [vote.update_id, vote.revision, vote.subject, vote.person_id],
      set: { karma, at, withdrawn_at: null },
    })
    .returning()
  if (kept) await tx.insert(vote_history).values({ vote_id: kept.id, karma, at })
}

/** What a changed karma brings about: autopush stops, asks for stable, or the update is obsolete. */
async function applyKarma(
  tx: Tx,
  ctx: Ctx,
  row: UpdateRow,
  subject: string,
  given: Karma,
): Promise<number> {
  let held = row
  if (subject === 'update' && given === -1 && row.autopush_stopped_at === null)
    held = await stopAutopush(tx, ctx, row)
  const karma = (await karmaOfUpdates(tx, [held.id])).get(held.id)?.get('update') ?? 0
  const unstable = isUnstable({ ...held, karma })
  // What a push has in hand is not published yet: it goes on without what testers have sent back.
  if (unstable && held.push_id !== null)
    await leavePush(tx, ctx, held, [reason('push.unstable', { karma })])
  if (unstable) await endUpdate(tx, ctx, held, 'obsolete')
  else if (held.push_id !== null) return karma
  // The other rules are asked only where karma could now carry it: most votes change nothing else.
  else if (held.request === null && karma >= held.stable_karma)
    // Whether it is enough by policy, factsOf knows.
    await askForStable(tx, ctx, held, autopushDue(await factsOf(ctx.app, tx, held)))
  return karma
}

/** Any person's −1 stops autopush, once, with one notice: the submitter then decides. */
async function stopAutopush(tx: Tx, ctx: Ctx, row: UpdateRow): Promise<UpdateRow> {
  const [stopped] = await tx
    .update(update)
    .set({ autopush_stopped_at: ctx.app.clock.now() })
    .where(and(eq(update.id, row.id), isNull(update.autopush_stopped_at)))
    .returning()
  if (!stopped) return row
  await emit(tx, ctx, 'update.autopush-stopped', `update:${row.alias}`, { title: row.title })
  return stopped
}

/** Asks for stable on the update's behalf. */
export async function askForStable(
  tx: Tx,
  ctx: Ctx,
  row: UpdateRow,
  because: 'karma' | 'time' | undefined,
): Promise<void> {
  if (!because) return
  await tx.update(update).set({ request: 'stable' }).where(eq(update.id, row.id))
  await emit(tx, ctx, 'update.requested', `update:${row.alias}`, { request: 'stable', because })
}

/** Takes back the vote of the person who asks; what it was stays in its history. */
export async function withdrawVote(ctx: Ctx, alias: string, subject = 'update'): Promise<number> {
  requireRole(ctx, 'member', 'vote')
  const person = requirePerson(ctx)
  return transaction(ctx, async (tx) => {
    const row = await votable(tx, alias, person)
    const at = ctx.app.clock.now()
    const [withdrawn] = await tx
      .update(vote)
      .set({ withdrawn_at: at })
      .where(
        and(
          eq(vote.update_id, row.id),
          eq(vote.revision, row.revision),
          eq(vote.subject, subject),
          eq(vote.person_id, person.id),
          isNull(vote.withdrawn_at),
        ),
      )
      .returning()
    if (!withdrawn) throw new PortalError('not-found', { field: 'vote' })
    await tx.insert(vote_history).values({ vote_id: withdrawn.id, karma: null, at })
    const karma = await applyKarma(tx, ctx, row, subject, 0)
    const details = { subject, revision: row.revision }
    await audit(tx, ctx, { action: 'update.vote-withdrawn', subject: `update:${alias}`, details })
    await emit(tx, ctx, 'update.voted', `update:${alias}`, { subject, karma })
    return karma
  })
}

/** What comes before a comment's transaction: how many one may make, and its rendering. */
async function prepareComment(ctx: Ctx, person: Person, text: string): Promise<void> {
  await takeTry(ctx, 'comment', person.username)
  await renderText(ctx.app, text)
}

/** A comment without a vote; it leaves the person's vote as it is. */
export async function postComment(ctx: Ctx, alias: string, text: string): Promise<void> {
  requireRole(ctx, 'member', 'vote')
  const person = requirePerson(ctx)
  if (text.trim() === '') throw invalid('text', reason('update.comment-empty'))
  await prepareComment(ctx, person, text)
  await transaction(ctx, async (tx) => {
    const row = await holdUpdate(tx, alias)
    await addComment(tx, row, person, text, null, ctx.app.clock.now())
    await audit(tx, ctx, { action: 'update.commented', subject: `update:${alias}` })
    await emit(tx, ctx, 'update.commented', `update:${alias}`, { author: person.username })
  })
}

async function addComment(
  tx: Tx,
  row: UpdateRow,
  person: Person,
  text: string,
  karma: Karma | null,
  at: number,
): Promise<void> {
  await tx.insert(comment).values({
    update_id: row.id,
    revision: row.revision,
    person_id: person.id,
    author: person.username,
    text,
    karma,
    at,
  })
}

/** What was said of other builds does not count for these. @param saw undefined where nobody said */
function refuseMoved(row: UpdateRow, saw: number | undefined): void {
  if (saw !== undefined && saw !== row.revision)
    throw new PortalError('update.refused', {
      field: 'revision',
      reasons: [reason('update.revision-moved', { saw, now: row.revision })],
    })
}

export interface GateInput {
  /** The revision that was tested. */
  revision: number
  check: string
  passed: boolean
  required: boolean
  message: string
}

/**
 * Records what an automatic test said of an update's revision. A waiver is of the result that it named: another
 * result ends it. @throws PortalError update.refused when another revision has begun
 */
export async function recordGate(ctx: Ctx, alias: string, input: GateInput): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  await transaction(ctx, async (tx) => {
    const row = await holdUpdate(tx, alias)
    refuseMoved(row, input.revision)
    const at = ctx.app.clock.now()
    const { check: _, ...said } = input
    await tx
      .insert(gate_result)
      .values({ update_id: row.id, at, ...input })
      .onConflictDoUpdate({
        target: [gate_result.update_id, gate_result.revision, gate_result.check],
        set: { ...said, at, waived_by: null, waived_reason: null },
      })
    const subject = `update:${alias}`
    await audit(tx, ctx, { action: 'update.gated', subject, details: { ...input } })
    await emit(tx, ctx, 'update.gated', subject, { ...input })
  })
}

/** What a waiver is of: a check's result as its author saw it. */
export interface Waived {
  revision: number
  check: string
  /** When the result came, milliseconds since the epoch; another one is not waived. */
  result_at?: number | undefined
}

/** Lets an update pass in spite of a failed check, with a reason that everyone reads. */
export async function waiveGate(ctx: Ctx, alias: string, waived: Waived, why: string) {
  const { revision, check, result_at } = waived
  const person = requirePerson(ctx)
  requireRole(ctx, 'packager', 'package')
  if (why.trim() === '') throw invalid('reason', reason('update.waiver-reason'))
  await transaction(ctx, async (tx) => {
    const row = await holdUpdate(tx, alias)
    await requireMaintainerOf(tx, ctx, row)
    refuseMoved(row, revision)
    const [result] = (await gatesOfUpdates(tx, [row.id])).filter((each) => each.check === check)
    if (result && result_at !== undefined && result.at !== result_at)
      throw new PortalError('update.refused', {
        field: 'result_at',
        reasons: [reason('update.result-moved', { check })],
      })
    const rows = await tx
      .update(gate_result)
      .set({ waived_by: person.username, waived_reason: why })
      .where(
        and(
          eq(gate_result.update_id, row.id),
          eq(gate_result.revision, row.revision),
          eq(gate_result.check, check),
        ),
      )
      .returning()
    if (rows.length === 0) throw new PortalError('not-found', { field: 'check' })
    const subject = `update:${alias}`
    await audit(tx, ctx, { action: 'update.waived', subject, reason: why, details: { check } })
    await emit(tx, ctx, 'update.waived', subject, { check, reason: why, by: person.username })
  })
}
