/** Owners and maintainers of packages: who may do what with which name, and how a name gets its first owner. */
import { and, eq, isNull } from 'drizzle-orm'
import { pkg } from '../../db/schema/builds.ts'
import { package_owner } from '../../db/schema/packages.ts'
import { groupOfRole } from '../accounts/group-queries.ts'
import { standingOf } from '../accounts/people.ts'
import { audit } from '../kernel/audit.ts'
import { type App, actorName, type Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { must } from '../kernel/must.ts'
import type { Reason } from '../kernel/reason.ts'
import { shippedNames } from './names.ts'
import { maintainsAgainst, type NameFacts, type OwnerRole, type Standing } from './owner.ts'
import {
  findPackage,
  keptPackages,
  liveOwner,
  type PackageRow,
  packagesByName,
  rolesIn,
} from './queries.ts'

export type { PackageRow } from './queries.ts'
export { findPackage, packagesOfPerson } from './queries.ts'

/** Who is asked about. */
export interface Who {
  /** Null for the portal itself. */
  person_id: number | null
  admin: boolean
  group_ids: number[]
}

const PORTAL: Who = { person_id: null, admin: true, group_ids: [] }

/** A person as they are now, whoever acts; the portal itself for null. */
export async function whoIs(db: Reader, person_id: number | null): Promise<Who> {
  if (person_id === null) return PORTAL
  const { roles, group_ids } = await standingOf(db, person_id)
  return { person_id, admin: roles.includes('admin'), group_ids }
}

/** Whoever acts. @throws PortalError account.log-in-needed */
export async function whoActs(db: Reader, ctx: Ctx): Promise<Who> {
  if (ctx.actor.kind === 'system') return PORTAL
  if (ctx.actor.kind !== 'person') throw new PortalError('account.log-in-needed')
  const { id, roles } = ctx.actor
  const { group_ids } = await standingOf(db, id)
  return { person_id: id, admin: roles.includes('admin'), group_ids }
}

export interface NameStanding {
  name: string
  row: PackageRow | undefined
  facts: NameFacts
  standing: Standing
}

/** Each of these names as it is, and how somebody stands to it. */
export async function standingsIn(
  app: App,
  db: Reader,
  who: Who,
  names: string[],
): Promise<NameStanding[]> {
  const rows = new Map((await packagesByName(db, names)).map((row) => [row.name, row]))
  const ids = [...rows.values()].map(({ id }) => id)
  const kept = await keptPackages(db, ids)
  const roles: Map<number, OwnerRole> =
    who.person_id === null ? new Map() : await rolesIn(db, ids, who.person_id, who.group_ids)
  const shipped = await shippedNames(app, db, names)
  return names.map((name) => {
    const row = rows.get(name)
    const role = (row && roles.get(row.id)) ?? null
    return {
      ...{ name, row, standing: { admin: who.admin, role } },
      facts: {
        known: row !== undefined,
        kept: row !== undefined && kept.has(row.id),
        shipped: shipped.has(name),
      },
    }
  })
}

async function reasonsAgainst(app: App, db: Reader, who: Who, names: string[]): Promise<Reason[]> {
  if (who.admin) return []
  const standings = await standingsIn(app, db, who, names)
  return standings.flatMap(({ name, facts, standing }) => maintainsAgainst(name, facts, standing))
}

const refused = (reasons: Reason[], field?: string) =>
  new PortalError('package.not-owner', { reasons, ...(field !== undefined && { field }) })

/**
 * Whoever acts may build and update these packages.
 * @param field of the input that names them @throws PortalError package.not-owner with a reason for each
 */
export async function requireMaintainer(
  db: Reader,
  ctx: Ctx,
  names: string[],
  field?: string,
): Promise<void> {
  const reasons = await reasonsAgainst(ctx.app, db, await whoActs(db, ctx), [...new Set(names)])
  if (reasons.length > 0) throw refused(reasons, field)
}

/** Whether whoever reads may build and update all of these packages; for what a page offers. */
export async function mayMaintain(ctx: Ctx, names: string[]): Promise<boolean> {
  if (ctx.actor.kind === 'system') return true
  if (ctx.actor.kind !== 'person') return false
  const { db } = ctx.app
  return (await reasonsAgainst(ctx.app, db, await whoActs(db, ctx), names)).length === 0
}

/**
 * The package that a build belongs to. A name that nobody ships goes to whoever builds it first; what the portal
 * builds itself, to the administrators.
 * @param owner_id who asked for the build; null for the portal @throws PortalError package.not-owner
 */
export async function openPackage(
  tx: Tx,
  ctx: Ctx,
  name: string,
  source: PackageRow['source'],
  owner_id: number | null,
): Promise<PackageRow> {
  const who = await whoIs(tx, owner_id)
  const reasons = await reasonsAgainst(ctx.app, tx, who, [name])
  if (reasons.length > 0) throw refused(reasons)
  const made = await makePackage(tx, ctx, name, source)
  if (made) {
    const holder = owner_id ?? { group_id: (await groupOfRole(tx, 'admin')).id }
    await addOwner(
      tx,
      ctx,
      made,
      typeof holder === 'number' ? { person_id: holder } : holder,
      'owner',
    )
    return made
  }
  // Of two who come first at once, the other one finds it here.
  const again = await reasonsAgainst(ctx.app, tx, who, [name])
  if (again.length > 0) throw refused(again)
  return must(await findPackage(tx, name))
}

/** A package that nobody has built yet; of two who begin it at once, the other one finds it. */
export async function beginPackage(tx: Tx, ctx: Ctx, name: string): Promise<PackageRow> {
  return (await makePackage(tx, ctx, name, null)) ?? must(await findPackage(tx, name))
}

/** @returns undefined when it is there already */
async function makePackage(
  tx: Tx,
  ctx: Ctx,
  name: string,
  source: PackageRow['source'],
): Promise<PackageRow | undefined> {
  const created_at = ctx.app.clock.now()
  const [made] = await tx
    .insert(pkg)
    .values({ name, source, created_at })
    .onConflictDoNothing()
    .returning()
  return made
}

/** Makes somebody owner or maintainer, whatever they were before. @returns false when they are that already */
export async function setOwner(
  tx: Tx,
  ctx: Ctx,
  row: PackageRow,
  holder: { person_id: number } | { group_id: number },
  role: OwnerRole,
  why: string,
): Promise<boolean> {
  const before = await liveOwner(tx, row.id, holder)
  if (before && before.role !== role) await endOwner(tx, ctx, before.id)
  return addOwner(tx, ctx, row, holder, role, why)
}

/** @returns false when it had ended */
export async function endOwner(tx: Tx, ctx: Ctx, id: number): Promise<boolean> {
  const rows = await tx
    .update(package_owner)
    .set({ ended_at: ctx.app.clock.now(), ended_by: actorName(ctx.actor) })
    .where(and(eq(package_owner.id, id), isNull(package_owner.ended_at)))
    .returning()
  return rows.length > 0
}

/** @returns false when the holder has the package already */
async function addOwner(
  tx: Tx,
  ctx: Ctx,
  row: PackageRow,
  holder: { person_id: number } | { group_id: number },
  role: OwnerRole,
  why = '',
): Promise<boolean> {
  const given_by = actorName(ctx.actor)
  const made = await tx
    .insert(package_owner)
    .values({ package_id: row.id, ...holder, role, since: ctx.app.clock.now(), given_by })
    .onConflictDoNothing()
    .returning()
  if (made.length === 0) return false
  await audit(tx, ctx, {
    ...{
      action: 'package.given',
      subject: `package:${row.name}`,
      details: { name: row.name, role },
    },
    ...(why !== '' && { reason: why }),
    ...('person_id' in holder && { person_id: holder.person_id }),
  })
  return true
}
