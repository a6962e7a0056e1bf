/** Asking to join a group: anyone with an account, with a reason; sponsors accept or decline with one. */
import { and, eq } from 'drizzle-orm'
import { group_request } from '../../db/schema/accounts.ts'
import { requirePerson, requireRole } from '../kernel/access.ts'
import { actorName, type Ctx } from '../kernel/context.ts'
import { PortalError } from '../kernel/errors.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { asksAgainst } from './group.ts'
import { lastRequest, listeners, liveMember, type RequestRow } from './group-queries.ts'
import { holdGroup } from './groups.ts'
import { takeTry } from './limits.ts'
import { queueGroupMail } from './mails.ts'
import { enter, note, requireReason, requireSponsor } from './memberships.ts'
import { personById } from './queries.ts'

/** @throws PortalError group.refused, input.invalid, rate.limited, not-found, account.* */
export async function askToJoin(
  ctx: Ctx,
  input: { group: string; reason: string },
): Promise<RequestRow> {
  requireRole(ctx, 'member', 'vote')
  const me = requirePerson(ctx)
  requireReason(input.reason)
  await takeTry(ctx, 'group-ask', me.username)
  return transaction(ctx, async (tx) => {
    const group = await holdGroup(tx, input.group)
    const row = await personById(tx, me.id)
    if (!row) throw new PortalError('account.log-in-needed')
    const member = (await liveMember(tx, group.id, me.id)) !== undefined
    const asked = (await lastRequest(tx, group.id, me.id))?.state === 'open'
    const reasons = asksAgainst({ member, asked })
    if (reasons.length > 0) throw new PortalError('group.refused', { field: 'reason', reasons })
    const why = input.reason.trim()
    const [made] = await tx
      .insert(group_request)
      .values({
        ...{ group_id: group.id, person_id: me.id, reason: why, state: 'open' },
        asked_at: ctx.app.clock.now(),
      })
      .onConflictDoNothing()
      .returning()
    if (!made)
      throw new PortalError('group.refused', { reasons: asksAgainst({ member, asked: true }) })
    await note(tx, ctx, group, row, 'asked', why)
    for (const to of await listeners(tx, group.id))
      await queueGroupMail(tx, ctx, to, 'asked', { group, reason: why, asker: me.username })
    return made
  })
}

/** Takes one's own open request back. @throws PortalError group.refused, account.* */
export async function withdrawAsk(ctx: Ctx, name: string): Promise<void> {
  requireRole(ctx, 'member', 'vote')
  const me = requirePerson(ctx)
  await transaction(ctx, async (tx) => {
    const group = await holdGroup(tx, name)
    const row = await personById(tx, me.id)
    const decided = { decided_by: actorName(ctx.actor), decided_at: ctx.app.clock.now() }
    const gone = await tx
      .update(group_request)
      .set({ state: 'withdrawn', ...decided })
      .where(
        and(
          eq(group_request.group_id, group.id),
          eq(group_request.person_id, me.id),
          eq(group_request.state, 'open'),
        ),
      )
      .returning()
    if (gone.length === 0 || !row)
      throw new PortalError('group.refused', { reasons: [reason('group.no-request')] })
    await note(tx, ctx, group, row, 'ask-withdrawn', '')
  })
}

/**
 * A sponsor or administrator accepts or declines; of two at once the first counts.
 * @throws PortalError group.not-sponsor, group.refused, input.invalid, not-found, account.*
 */
export async function decideAsk(
  ctx: Ctx,
  input: { group: string; id: number; decision: 'accepted' | 'declined'; reason: string },
): Promise<void> {
  await transaction(ctx, async (tx) => {
    const group = await holdGroup(tx, input.group)
    await requireSponsor(tx, ctx, group)
    requireReason(input.reason)
    const own = and(eq(group_request.id, input.id), eq(group_request.group_id, group.id))
    const [before] = await tx.select().from(group_request).where(own)
    const row = before && (await personById(tx, before.person_id))
    if (!before || !row) throw new PortalError('not-found', { field: 'request' })
    const why = input.reason.trim()
    const decided = { decided_by: actorName(ctx.actor), decided_at: ctx.app.clock.now() }
    const [done] = await tx
      .update(group_request)
      .set({ state: input.decision, ...decided, decision_reason: why })
      .where(and(own, eq(group_request.state, 'open')))
      .returning()
    if (!done) {
      const reasons = [reason('group.decided-already', { state: before.state })]
      throw new PortalError('group.refused', { reasons })
    }
    if (input.decision === 'accepted') await enter(tx, ctx, group, row, { why })
    else await note(tx, ctx, group, row, 'declined', why)
    await queueGroupMail(tx, ctx, row, input.decision, { group, reason: why })
  })
}
