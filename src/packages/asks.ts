/** Asking to look after a package: packagers, with a reason; its owners or the team accept or decline with one. */
import { and, eq } from 'drizzle-orm'
import { package_request } from '../../db/schema/packages.ts'
import { takeTry } from '../accounts/limits.ts'
import { requireReason } from '../accounts/memberships.ts'
import { addressOfPerson } from '../accounts/people.ts'
import { requirePerson, requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { actorName, type Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { must } from '../kernel/must.ts'
import { reason } from '../kernel/reason.ts'
import { isRpmName } from '../kernel/rpm-name.ts'
import { transaction } from '../kernel/transaction.ts'
import { requireGiver } from './gifts.ts'
import { decidersOf, queuePackageMail } from './mails.ts'
import { asksAgainst, type OwnerRole } from './owner.ts'
import { beginPackage, setOwner, standingsIn, whoActs } from './owners.ts'
import { lastRequest, type RequestRow } from './queries.ts'

/** @throws PortalError package.refused, input.invalid, rate.limited, account.* */
export async function askForPackage(
  ctx: Ctx,
  input: { name: string; role: OwnerRole; reason: string },
): Promise<RequestRow> {
  requireRole(ctx, 'packager', 'package')
  const me = requirePerson(ctx)
  if (!isRpmName(input.name)) throw invalid('name', reason('package.name'))
  requireReason(input.reason)
  await takeTry(ctx, 'package-ask', me.username)
  const { name, role } = input
  return transaction(ctx, async (tx) => {
    const who = await whoActs(tx, ctx)
    const { row, facts, standing } = must((await standingsIn(ctx.app, tx, who, [name]))[0])
    const asked = (await lastRequest(tx, name, me.id))?.state === 'open'
    const own = { ...facts, role: standing.role, wants: role }
    const reasons = asksAgainst(name, { ...own, asked })
    if (reasons.length > 0) throw new PortalError('package.refused', { field: 'name', reasons })
    const why = input.reason.trim()
    const [made] = await tx
      .insert(package_request)
      .values({
        ...{ name, person_id: me.id, role, reason: why, state: 'open' },
        asked_at: ctx.app.clock.now(),
      })
      .onConflictDoNothing()
      .returning()
    if (!made)
      throw new PortalError('package.refused', {
        ...{ field: 'name', reasons: asksAgainst(name, { ...own, asked: true }) },
      })
    await note(tx, ctx, 'package.asked', made, why)
    for (const to of await decidersOf(tx, row))
      await queuePackageMail(tx, ctx, to, 'asked', { name, role, reason: why, asker: me.username })
    return made
  })
}

/** Takes one's own open request back. @throws PortalError package.refused, account.* */
export async function withdrawAsk(ctx: Ctx, name: string): Promise<void> {
  requireRole(ctx, 'packager', 'package')
  const me = requirePerson(ctx)
  await transaction(ctx, async (tx) => {
    const [gone] = await tx
      .update(package_request)
      .set({ state: 'withdrawn', ...decided(ctx) })
      .where(
        and(
          eq(package_request.name, name),
          eq(package_request.person_id, me.id),
          eq(package_request.state, 'open'),
        ),
      )
      .returning()
    if (!gone) throw new PortalError('package.refused', { reasons: [reason('package.no-request')] })
    await note(tx, ctx, 'package.ask-withdrawn', gone, '')
  })
}

/**
 * An owner or administrator accepts or declines; of two at once the first counts.
 * @throws PortalError package.not-owner, package.refused, input.invalid, not-found, account.*
 */
export async function decideAsk(
  ctx: Ctx,
  input: { name: string; id: number; decision: 'accepted' | 'declined'; reason: string },
): Promise<void> {
  await transaction(ctx, async (tx) => {
    const { name, decision } = input
    const own = and(eq(package_request.id, input.id), eq(package_request.name, name))
    const [before] = await tx.select().from(package_request).where(own)
    const known = await requireGiver(tx, ctx, name)
    requireReason(input.reason)
    if (!before) throw new PortalError('not-found', { field: 'request' })
    const why = input.reason.trim()
    const [done] = await tx
      .update(package_request)
      .set({ state: decision, ...decided(ctx), decision_reason: why })
      .where(and(own, eq(package_request.state, 'open')))
      .returning()
    if (!done) {
      const reasons = [reason('package.decided-already', { state: before.state })]
      throw new PortalError('package.refused', { reasons })
    }
    if (decision === 'accepted') {
      // A package that is not there yet begins with its owner.
      const row = known ?? (await beginPackage(tx, ctx, name))
      await setOwner(tx, ctx, row, { person_id: before.person_id }, before.role, why)
    } else await note(tx, ctx, 'package.declined', before, why)
    const to = await addressOfPerson(tx, before.person_id)
    const about = { name, role: before.role, reason: why }
    if (to) await queuePackageMail(tx, ctx, to, decision, about)
  })
}

const decided = (ctx: Ctx) => ({
  decided_by: actorName(ctx.actor),
  decided_at: ctx.app.clock.now(),
})

/** In the log of the person who asked. */
async function note(
  tx: Tx,
  ctx: Ctx,
  action: 'package.asked' | 'package.ask-withdrawn' | 'package.declined',
  { name, role, person_id }: RequestRow,
  why: string,
): Promise<void> {
  await audit(tx, ctx, {
    ...{ action, subject: `package:${name}`, details: { name, role }, person_id },
    ...(why !== '' && { reason: why }),
  })
}
