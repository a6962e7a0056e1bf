/**
 * A newcomer's first updates: held until a sponsor of the packagers, or an administrator, has looked at each and
 * approved it, where the release's policy says so. They can be voted on and edited meanwhile; no push takes them.
 */
import { eq } from 'drizzle-orm'
import { update } from '../../db/schema/updates.ts'
import { groupOfRole, liveMember } from '../accounts/group-queries.ts'
import { requireSponsor } from '../accounts/memberships.ts'
import { type Person, requirePerson } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import type { ReleasePolicy } from '../kernel/distribution.ts'
import { PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { transaction } from '../kernel/transaction.ts'
import { holdUpdate } from './hold.ts'
import { pushedOf, type UpdateRow } from './queries.ts'
import { isHeldForSponsor } from './update.ts'

/** Whether a new update of this person waits for a sponsor. */
export async function isNewcomer(
  db: Reader,
  person: Person,
  policy: ReleasePolicy,
): Promise<boolean> {
  const { newcomer_updates } = policy
  if (newcomer_updates === 0) return false
  const sponsors = person.roles.includes('admin') || (await isSponsor(db, person.id))
  return isHeldForSponsor(
    { sponsors, pushed: await pushedOf(db, person.id, newcomer_updates) },
    policy,
  )
}

async function isSponsor(db: Reader, person_id: number): Promise<boolean> {
  const own = await liveMember(db, (await groupOfRole(db, 'packager')).id, person_id)
  return typeof own?.sponsor_since === 'number'
}

/** Whether the person who asks may approve what is held; for pages. */
export async function mayApprove(ctx: Ctx, row: UpdateRow): Promise<boolean> {
  const { actor } = ctx
  if (row.held_at === null || actor.kind !== 'person' || actor.id === row.submitter_id) return false
  return actor.roles.includes('admin') || isSponsor(ctx.app.db, actor.id)
}

/**
 * Lets a held update go: the next push takes it to testing.
 * @throws PortalError update.not-held, update.own-approval, group.not-sponsor, account.*, not-found
 */
export async function approveUpdate(ctx: Ctx, alias: string): Promise<UpdateRow> {
  return transaction(ctx, async (tx) => {
    const row = await holdUpdate(tx, alias)
    await requireSponsor(tx, ctx, await groupOfRole(tx, 'packager'))
    if (ctx.actor.kind === 'person' && requirePerson(ctx).id === row.submitter_id)
      throw new PortalError('update.own-approval')
    if (row.held_at === null) throw new PortalError('update.not-held')
    await tx.update(update).set({ held_at: null }).where(eq(update.id, row.id))
    const subject = `update:${alias}`
    await audit(tx, ctx, { action: 'update.approved', subject })
    await emit(tx, ctx, 'update.approved', subject, { title: row.title })
    return holdUpdate(tx, alias)
  })
}
