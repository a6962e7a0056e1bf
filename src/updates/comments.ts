/** Comments on updates: posted; in pages, newest first; hidden by moderators with a reason, and shown again. */
import { and, eq, isNull } from 'drizzle-orm'
import { comment } from '../../db/schema/updates.ts'
import { takeTry } from '../accounts/limits.ts'
import { type Person, requirePerson, requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { actorName, type Ctx } from '../kernel/context.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { decodeCursor, encodeCursor } from '../kernel/http.ts'
import { reason } from '../kernel/reason.ts'
import { renderText } from '../kernel/rendering.ts'
import { transaction } from '../kernel/transaction.ts'
import { holdUpdate } from './hold.ts'
import { type CommentRow, commentsOf, type UpdateRow } from './queries.ts'

/** What a page shows at once. */
export const COMMENTS_SHOWN = 50

export interface CommentPage {
  /** Oldest first. */
  items: CommentRow[]
  /** Where earlier ones go on. */
  next: string | null
}

/** The newest comments of an update, or those before a place. @throws PortalError input.cursor */
export async function commentPage(
  ctx: Ctx,
  update_id: number,
  page: { cursor?: string | undefined; limit?: number } = {},
): Promise<CommentPage> {
  const limit = page.limit ?? COMMENTS_SHOWN
  const rows = await commentsOf(ctx.app.db, update_id, decodeCursor(page.cursor), limit + 1)
  const items = rows.slice(0, limit).reverse()
  const oldest = items[0]
  return { items, next: rows.length > limit && oldest ? encodeCursor(oldest.id) : null }
}

/** What comes before a comment's transaction: how many one may make, and its rendering. */
export async function prepareComment(ctx: Ctx, person: Person, text: string): Promise<void> {
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
    await tx.insert(comment).values(commentOf(row, person, text, null, ctx.app.clock.now()))
    await audit(tx, ctx, { action: 'update.commented', subject: `update:${alias}` })
    await emit(tx, ctx, 'update.commented', `update:${alias}`, { author: person.username })
  })
}

/** A comment as its row. @param karma of the vote that it came with */
export function commentOf(
  row: UpdateRow,
  person: Person,
  text: string,
  karma: number | null,
  at: number,
): typeof comment.$inferInsert {
  return {
    ...{ update_id: row.id, revision: row.revision },
    ...{ person_id: person.id, author: person.username },
    ...{ text, karma, at },
  }
}

/** Moderators are the administrators. */
export const mayModerate = ({ actor }: Ctx) =>
  actor.kind === 'person' && actor.roles.includes('admin')

/** Hides a comment from everyone but moderators; who, when and why stands in its place. @throws PortalError */
export async function hideComment(ctx: Ctx, alias: string, id: number, why: string) {
  requireRole(ctx, 'admin', 'admin')
  if (why.trim() === '') throw invalid('reason', reason('update.hide-reason'))
  await change(ctx, alias, id, {
    hidden_at: ctx.app.clock.now(),
    hidden_by: actorName(ctx.actor),
    hidden_reason: why.trim(),
  })
}

/** Shows a comment again. @throws PortalError */
export async function showComment(ctx: Ctx, alias: string, id: number): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  await change(ctx, alias, id, { hidden_at: null, hidden_by: null, hidden_reason: null })
}

type Hiding = Pick<CommentRow, 'hidden_at' | 'hidden_by' | 'hidden_reason'>

async function change(ctx: Ctx, alias: string, id: number, hiding: Hiding): Promise<void> {
  const hides = hiding.hidden_at !== null
  await transaction(ctx, async (tx) => {
    const row = await holdUpdate(tx, alias)
    const its = and(eq(comment.id, id), eq(comment.update_id, row.id))
    const changed = await tx
      .update(comment)
      .set(hiding)
      // What is hidden keeps its first reason.
      .where(hides ? and(its, isNull(comment.hidden_at)) : its)
      .returning({ author: comment.author })
    if (!changed[0]) throw new PortalError('not-found', { field: 'comment' })
    await audit(tx, ctx, {
      action: hides ? 'update.comment-hidden' : 'update.comment-shown',
      subject: `update:${alias}`,
      ...(hiding.hidden_reason !== null && { reason: hiding.hidden_reason }),
      details: { comment: id, author: changed[0].author },
    })
    await emit(tx, ctx, 'update.commented', `update:${alias}`, { comment: id })
  })
}
