/** Packages are given and taken by their owners and by administrators; whoever has one may put it down. */
import { getGroup } from '../accounts/groups.ts'
import { requireReason, verifiedPerson } from '../accounts/memberships.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { must } from '../kernel/must.ts'
import { reason } from '../kernel/reason.ts'
import { isRpmName } from '../kernel/rpm-name.ts'
import { transaction } from '../kernel/transaction.ts'
import { queuePackageMail } from './mails.ts'
import { mayGive, type OwnerRole } from './owner.ts'
import { beginPackage, endOwner, setOwner, standingsIn, whoActs } from './owners.ts'
import { findPackage, liveOwner, type PackageRow } from './queries.ts'

export type HolderName = { username: string } | { group: string }

interface Found {
  holder: { person_id: number } | { group_id: number }
  /** Whom a letter goes to; a group gets none. */
  mail?: { email: string; username: string }
}

export interface GiftInput {
  /** The package's. */
  name: string
  holder: HolderName
  role: OwnerRole
  /** It stays on record and goes to the person. */
  reason: string
}

/**
 * Gives a package: with a name that is not there yet the team makes it, before anyone has built it.
 * @throws PortalError package.*, input.invalid, not-found, account.*
 */
export async function givePackage(ctx: Ctx, input: GiftInput): Promise<void> {
  await transaction(ctx, async (tx) => {
    const known = await requireGiver(tx, ctx, input.name)
    requireReason(input.reason)
    const { holder, mail } = await findHolder(tx, input.holder)
    const row = known ?? (await beginPackage(tx, ctx, input.name))
    if (!(await setOwner(tx, ctx, row, holder, input.role, input.reason.trim())))
      throw new PortalError('package.refused', {
        ...{ field: 'holder', reasons: [reason('package.has-already', { name: row.name })] },
      })
    if (mail) {
      const about = { name: row.name, role: input.role, reason: input.reason }
      await queuePackageMail(tx, ctx, mail, 'given', about)
    }
  })
}

/** Takes a package from somebody, who may be oneself. @throws PortalError package.*, input.invalid, not-found, account.* */
export async function takePackage(ctx: Ctx, input: Omit<GiftInput, 'role'>): Promise<void> {
  requireRole(ctx, 'packager', 'package')
  await transaction(ctx, async (tx) => {
    const { holder, mail } = await findHolder(tx, input.holder)
    const self =
      'person_id' in holder && ctx.actor.kind === 'person' && ctx.actor.id === holder.person_id
    const row = self ? await findPackage(tx, input.name) : await requireGiver(tx, ctx, input.name)
    if (!row) throw new PortalError('package.unknown', { params: { name: input.name } })
    if (!self) requireReason(input.reason)
    const before = await liveOwner(tx, row.id, holder)
    if (!before || !(await endOwner(tx, ctx, before.id)))
      throw new PortalError('package.refused', {
        ...{ field: 'holder', reasons: [reason('package.has-not', { name: row.name })] },
      })
    await audit(tx, ctx, {
      ...{ action: 'package.taken', subject: `package:${row.name}` },
      details: { name: row.name, role: before.role },
      ...(input.reason.trim() !== '' && { reason: input.reason.trim() }),
      ...('person_id' in holder && { person_id: holder.person_id }),
    })
    if (mail && !self) {
      const about = { name: row.name, role: before.role, reason: input.reason }
      await queuePackageMail(tx, ctx, mail, 'taken', about)
    }
  })
}

async function findHolder(db: Reader, holder: HolderName): Promise<Found> {
  if ('group' in holder) return { holder: { group_id: (await getGroup(db, holder.group)).id } }
  const { id, email, username } = await verifiedPerson(db, holder.username)
  return { holder: { person_id: id }, mail: { email, username } }
}

/**
 * Whoever acts may give and take this package. One that is not there yet, administrators may.
 * @returns undefined when it is not there yet @throws PortalError package.*, input.invalid, account.*
 */
export async function requireGiver(
  tx: Tx,
  ctx: Ctx,
  name: string,
): Promise<PackageRow | undefined> {
  requireRole(ctx, 'packager', 'package')
  if (!isRpmName(name)) throw invalid('name', reason('package.name'))
  const who = await whoActs(tx, ctx)
  const { row, standing } = must((await standingsIn(ctx.app, tx, who, [name]))[0])
  if (!row && !who.admin) throw new PortalError('package.unknown', { params: { name } })
  if (!mayGive(standing))
    throw new PortalError('package.not-owner', {
      reasons: [reason('package.owner-only', { name })],
    })
  return row
}
