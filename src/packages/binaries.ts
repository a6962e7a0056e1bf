/**
 * Binary packages belong to the source package that makes them. A build claims the names that nobody has; one
 * that another package has can only be handed over, by the owners of both or by the team.
 */
import { and, eq, isNull } from 'drizzle-orm'
import { package_binary } from '../../db/schema/packages.ts'
import { requireReason } from '../accounts/memberships.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { chunks } from '../kernel/chunks.ts'
import { actorName, type Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { must } from '../kernel/must.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { decidersOf, queuePackageMail } from './mails.ts'
import { shippedNames } from './names.ts'
import { binaryAgainst, mayGive } from './owner.ts'
import { findPackage, standingsIn, type Who, whoActs, whoIs } from './owners.ts'
import {
  type BinaryRow,
  binariesByName,
  type PackageRow,
  packageById,
  packagesByName,
} from './queries.ts'

export interface Claim {
  /** Source package. */
  package: { id: number; name: string }
  /** Of binary packages. */
  names: string[]
  /** Who asked for the build; null for the portal. */
  owner_id: number | null
}

/** Why a package can't have binary packages of these names; empty when it can. */
export async function claimAgainst(ctx: Ctx, db: Reader, claim: Claim): Promise<Reason[]> {
  const { names } = claim
  const own = claim.package.name
  const team = (await whoIs(db, claim.owner_id)).admin
  const found = await binariesByName(db, names)
  const holders = new Map(found.map(({ binary, holder }) => [binary.name, holder]))
  const sources = await shippedNames(ctx.app, db, names)
  for (const row of await packagesByName(db, names)) sources.add(row.name)
  return names.flatMap((name) => {
    const facts = { name, holder: holders.get(name) ?? null }
    const source_of_another = name !== own && sources.has(name)
    return binaryAgainst(own, { ...facts, source_of_another }, team) ?? []
  })
}

/** Gives a package the names that nobody has. @throws PortalError build.refused with a reason for each it can't have */
export async function claimBinaries(tx: Tx, ctx: Ctx, claim: Claim): Promise<void> {
  const given = { since: ctx.app.clock.now(), given_by: actorName(ctx.actor) }
  const before = await claimAgainst(ctx, tx, claim)
  if (before.length > 0) throw new PortalError('build.refused', { reasons: before })
  for (const part of chunks(claim.names))
    await tx
      .insert(package_binary)
      .values(part.map((name) => ({ name, package_id: claim.package.id, ...given })))
      .onConflictDoNothing()
  // Of two packages that come first at once, the other one finds out here.
  const after = await claimAgainst(ctx, tx, claim)
  if (after.length > 0) throw new PortalError('build.refused', { reasons: after })
}

interface HandOver {
  binary: BinaryRow
  from: PackageRow
  who: Who
}

async function heldBinary(tx: Tx, ctx: Ctx, binary: string): Promise<HandOver> {
  requireRole(ctx, 'packager', 'package')
  const [found] = await binariesByName(tx, [binary])
  if (!found) throw new PortalError('not-found', { field: 'binary' })
  const from = must(await findPackage(tx, found.holder))
  return { binary: found.binary, from, who: await whoActs(tx, ctx) }
}

async function owns(tx: Tx, ctx: Ctx, who: Who, row: PackageRow): Promise<boolean> {
  return mayGive(must((await standingsIn(ctx.app, tx, who, [row.name]))[0]).standing)
}

const ownerOnly = (name: string) =>
  new PortalError('package.not-owner', { reasons: [reason('package.owner-only', { name })] })

/**
 * Hands a binary package's name over to another source package: at once where whoever acts owns both, or is the
 * team; else it is offered, and an owner of the other accepts.
 * @returns whether it is there @throws PortalError package.*, input.invalid, not-found, account.*
 */
export async function handOverBinary(
  ctx: Ctx,
  input: { binary: string; to: string; reason: string },
): Promise<'moved' | 'offered'> {
  return transaction(ctx, async (tx) => {
    const { binary, from, who } = await heldBinary(tx, ctx, input.binary)
    if (!(await owns(tx, ctx, who, from))) throw ownerOnly(from.name)
    requireReason(input.reason)
    const to = await findPackage(tx, input.to)
    if (!to) throw new PortalError('package.unknown', { field: 'to', params: { name: input.to } })
    if (to.id === from.id)
      throw new PortalError('package.refused', {
        ...{ field: 'to', reasons: [reason('package.has-already', { name: binary.name })] },
      })
    if (await owns(tx, ctx, who, to)) {
      await move(tx, ctx, { binary, from, who }, to, input.reason)
      return 'moved'
    }
    await tx
      .update(package_binary)
      .set({
        ...{ offered_to: to.id, offered_by: actorName(ctx.actor) },
        offer_reason: input.reason.trim(),
      })
      .where(stillHeld(binary))
    await note(tx, ctx, 'package.binary-offered', { binary, from, to, why: input.reason })
    for (const owner of await decidersOf(tx, to)) {
      const about = { name: to.name, role: 'owner' as const, reason: input.reason }
      await queuePackageMail(tx, ctx, owner, 'offered', { ...about, binary: binary.name })
    }
    return 'offered'
  })
}

/** An owner of the package that a binary is offered to takes it. @throws PortalError package.*, not-found, account.* */
export async function acceptBinary(ctx: Ctx, input: { binary: string; to: string }): Promise<void> {
  await transaction(ctx, async (tx) => {
    const held = await heldBinary(tx, ctx, input.binary)
    const to = await findPackage(tx, input.to)
    if (!to || held.binary.offered_to !== to.id)
      throw new PortalError('package.refused', { reasons: [reason('package.no-offer')] })
    if (!(await owns(tx, ctx, held.who, to))) throw ownerOnly(to.name)
    await move(tx, ctx, held, to, held.binary.offer_reason ?? '')
  })
}

/** Either side ends an offer. @throws PortalError package.*, not-found, account.* */
export async function declineBinary(ctx: Ctx, binary_name: string): Promise<void> {
  await transaction(ctx, async (tx) => {
    const { binary, from, who } = await heldBinary(tx, ctx, binary_name)
    const to = binary.offered_to === null ? undefined : await packageById(tx, binary.offered_to)
    if (!to) throw new PortalError('package.refused', { reasons: [reason('package.no-offer')] })
    if (!(await owns(tx, ctx, who, from)) && !(await owns(tx, ctx, who, to)))
      throw ownerOnly(from.name)
    await tx.update(package_binary).set(NO_OFFER).where(stillHeld(binary))
    await note(tx, ctx, 'package.binary-declined', { binary, from, to, why: '' })
  })
}

const NO_OFFER = { offered_to: null, offered_by: null, offer_reason: null }

/** As it was read: it belongs to the same package, and is offered to the same one. */
const stillHeld = ({ id, package_id, offered_to }: BinaryRow) =>
  and(
    eq(package_binary.id, id),
    eq(package_binary.package_id, package_id),
    offered_to === null
      ? isNull(package_binary.offered_to)
      : eq(package_binary.offered_to, offered_to),
  )

async function move(tx: Tx, ctx: Ctx, { binary, from }: HandOver, to: PackageRow, why: string) {
  const given = { since: ctx.app.clock.now(), given_by: actorName(ctx.actor) }
  const moved = await tx
    .update(package_binary)
    .set({ package_id: to.id, ...given, ...NO_OFFER })
    .where(stillHeld(binary))
    .returning()
  if (moved.length === 0)
    throw new PortalError('package.refused', { reasons: [reason('package.no-offer')] })
  await note(tx, ctx, 'package.binary-moved', { binary, from, to, why })
}

/** On the record of both packages. */
async function note(
  tx: Tx,
  ctx: Ctx,
  action: 'package.binary-offered' | 'package.binary-moved' | 'package.binary-declined',
  about: { binary: BinaryRow; from: PackageRow; to: PackageRow; why: string },
): Promise<void> {
  const { binary, from, to, why } = about
  const details = { binary: binary.name, from: from.name, to: to.name }
  for (const { name } of [from, to])
    await audit(tx, ctx, {
      ...{ action, subject: `package:${name}`, details },
      ...(why.trim() !== '' && { reason: why.trim() }),
    })
}
