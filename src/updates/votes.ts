/**
 * Votes: one live vote a person a revision and subject, changeable and withdrawable. Whoever votes on an update at
 * the same moment shares one transaction: on a release day everybody votes on the same few.
 */
import { and, eq, isNull, sql } from 'drizzle-orm'
import { comment, vote, vote_history } from '../../db/schema/updates.ts'
import { type Person, requirePerson, requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { Batches } from '../kernel/batches.ts'
import type { App, Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { must } from '../kernel/must.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { commentOf, prepareComment } from './comments.ts'
import { holdUpdate, refuseMoved } from './hold.ts'
import { applyKarma } from './karma.ts'
import { bugsOfUpdates, testcasesOfUpdates, type UpdateRow } from './queries.ts'
import { VOTABLE } from './update.ts'

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

/** A vote as it waits to be counted. */
interface Ballot {
  ctx: Ctx
  person: Person
  input: VoteInput
}

const subjectOf = ({ input }: Ballot) => input.subject ?? 'update'

/**
 * Casts or changes the vote of the person who asks.
 * @returns the update's karma afterwards
 * @throws PortalError account.*, update.own-vote, update.not-votable, update.refused, input.invalid
 */
export async function castVote(ctx: Ctx, alias: string, input: VoteInput): Promise<number> {
  requireRole(ctx, 'member', 'vote')
  const person = requirePerson(ctx)
  if (input.text) await prepareComment(ctx, person, input.text)
  return urnOf(ctx.app).run(alias, { ctx, person, input })
}

const urns = new WeakMap<App, Batches<Ballot, number>>()

function urnOf(app: App): Batches<Ballot, number> {
  const urn =
    urns.get(app) ??
    new Batches<Ballot, number>({
      all: (alias, ballots) => transaction({ app }, (tx) => count(tx, alias, ballots)),
      nameOf: (ballot) => `${ballot.person.id} ${subjectOf(ballot)}`,
      mayBeOf: (error) => !(error instanceof PortalError),
    })
  urns.set(app, urn)
  return urn
}

/**
 * Counts votes that came at the same moment. Any order of them would be as good: what they bring about follows
 * from their sum.
 * @returns for each the karma afterwards, or why it does not count
 */
async function count(
  tx: Tx,
  alias: string,
  ballots: Ballot[],
): Promise<PromiseSettledResult<number>[]> {
  const row = await holdUpdate(tx, alias)
  const subjects = await subjectsOf(tx, row, ballots)
  const refused = new Map<Ballot, unknown>()
  for (const ballot of ballots) {
    try {
      refuseVote(row, ballot.person)
      refuseMoved(row, ballot.input.revision)
      refuseUnknown(subjects, subjectOf(ballot))
    } catch (error) {
      refused.set(ballot, error)
    }
  }
  const counted = ballots.filter((ballot) => !refused.has(ballot))
  const karma = await keep(tx, row, counted)
  return ballots.map((ballot) =>
    refused.has(ballot)
      ? { status: 'rejected', reason: refused.get(ballot) }
      : { status: 'fulfilled', value: must(karma) },
  )
}

/** @throws PortalError update.not-votable, update.own-vote */
function refuseVote(row: UpdateRow, person: Person): void {
  if (!VOTABLE.includes(row.status))
    throw new PortalError('update.not-votable', { params: { status: row.status } })
  if (row.submitter_id === person.id) throw new PortalError('update.own-vote')
}

function refuseUnknown(subjects: ReadonlySet<string>, subject: string): void {
  if (!subjects.has(subject))
    throw invalid('subject', reason('update.vote-subject', { subject: subject.slice(0, 100) }))
}

/** What may be voted on; the parts of an update are read only where somebody votes on one. */
async function subjectsOf(tx: Tx, row: UpdateRow, ballots: Ballot[]): Promise<Set<string>> {
  const subjects = new Set(['update'])
  if (ballots.every((ballot) => subjectOf(ballot) === 'update')) return subjects
  for (const { id } of await bugsOfUpdates(tx, [row.id])) subjects.add(`bug:${id}`)
  for (const { id } of await testcasesOfUpdates(tx, [row.id])) subjects.add(`testcase:${id}`)
  return subjects
}

/** Writes votes with all that belongs to them. @returns the karma; undefined where there are none */
async function keep(tx: Tx, row: UpdateRow, ballots: Ballot[]): Promise<number | undefined> {
  const last = ballots.at(-1)
  if (!last) return undefined
  // One moment for a vote and its comment: so a reader knows which vote it came with.
  const at = last.ctx.app.clock.now()
  await keepVotes(tx, row, ballots, at)
  const comments = ballots.flatMap(({ person, input: { text, karma } }) =>
    text ? [commentOf(row, person, text, karma, at)] : [],
  )
  if (comments.length > 0) await tx.insert(comment).values(comments)
  const dislike = ballots.find((each) => subjectOf(each) === 'update' && each.input.karma === -1)
  const { ctx } = dislike ?? last
  const karma = await applyKarma(tx, ctx, row, dislike !== undefined)
  const subject = `update:${row.alias}`
  for (const ballot of ballots) {
    const details = {
      subject: subjectOf(ballot),
      karma: ballot.input.karma,
      revision: row.revision,
    }
    await audit(tx, ballot.ctx, { action: 'update.voted', subject, details })
    await emit(tx, ballot.ctx, 'update.voted', subject, { subject: subjectOf(ballot), karma })
  }
  return karma
}

async function keepVotes(tx: Tx, row: UpdateRow, ballots: Ballot[], at: number): Promise<void> {
  const kept = await tx
    .insert(vote)
    .values(
      ballots.map((ballot) => ({
        ...{ update_id: row.id, revision: row.revision, subject: subjectOf(ballot) },
        ...{ person_id: ballot.person.id, username: ballot.person.username },
        ...{ karma: ballot.input.karma, at },
      })),
    )
    .onConflictDoUpdate({
      target: [vote.update_id, vote.revision, vote.subject, vote.person_id],
      set: { karma: sql`excluded.karma`, at, withdrawn_at: null },
    })
    .returning({ id: vote.id, karma: vote.karma })
  await tx.insert(vote_history).values(kept.map(({ id, karma }) => ({ vote_id: id, karma, at })))
}

/** Takes back the vote of the person who asks; what it was stays in its history. */
export async function withdrawVote(ctx: Ctx, alias: string, subject = 'update'): Promise<number> {
  requireRole(ctx, 'member', 'vote')
  const person = requirePerson(ctx)
  return transaction(ctx, async (tx) => {
    const row = await holdUpdate(tx, alias)
    refuseVote(row, person)
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
    const karma = await applyKarma(tx, ctx, row, false)
    const details = { subject, revision: row.revision }
    await audit(tx, ctx, { action: 'update.vote-withdrawn', subject: `update:${alias}`, details })
    await emit(tx, ctx, 'update.voted', `update:${alias}`, { subject, karma })
    return karma
  })
}
