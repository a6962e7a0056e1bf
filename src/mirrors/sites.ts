/** Sites: the organisations behind mirrors, and who may speak for them. */
import { and, eq } from 'drizzle-orm'
import { mirror_admin, mirror_site } from '../../db/schema/mirrors.ts'
import { findPerson, usernamesOf } from '../accounts/people.ts'
import { requirePerson, requireRole } from '../kernel/access.ts'
import { type AuditAction, audit } from '../kernel/audit.ts'
import type { Ctx } from '../kernel/context.ts'
import { isUniqueViolation, type Reader, type Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import type { SiteInput } from './mirror.ts'
import { adminIds, type SiteRow, siteById, siteByName, sitesOf } from './queries.ts'

export type { SiteRow } from './queries.ts'

/** Whether the actor is an admin of the site, of the portal, or the portal itself. */
export async function mayManage(db: Reader, ctx: Ctx, site_id: number): Promise<boolean> {
  const { actor } = ctx
  if (actor.kind === 'system') return true
  if (actor.kind !== 'person') return false
  return actor.roles.includes('admin') || (await adminIds(db, site_id)).includes(actor.id)
}

/** @throws PortalError account.log-in-needed, account.scope-missing, mirror.not-admin */
export async function requireSiteAdmin(db: Reader, ctx: Ctx, site_id: number): Promise<void> {
  requireRole(ctx, 'member', 'package')
  if (!(await mayManage(db, ctx, site_id))) throw new PortalError('mirror.not-admin')
}

/** Makes a site; whoever makes it is its first admin. @throws PortalError mirror.name-taken */
export async function createSite(ctx: Ctx, input: SiteInput): Promise<SiteRow> {
  requireRole(ctx, 'member', 'package')
  return transaction(ctx, (tx) => addSite(tx, ctx, input))
}

/** The same inside a transaction of more. */
export async function addSite(tx: Tx, ctx: Ctx, input: SiteInput): Promise<SiteRow> {
  const created_at = ctx.app.clock.now()
  const row = await insertSite(tx, { ...input, created_at })
  if (ctx.actor.kind === 'person')
    await tx
      .insert(mirror_admin)
      .values({ site_id: row.id, person_id: ctx.actor.id, added_at: created_at })
  const subject = `mirror-site:${row.name}`
  await audit(tx, ctx, { action: 'mirror-site.made', subject, details: { url: row.url } })
  return row
}

async function insertSite(tx: Tx, values: typeof mirror_site.$inferInsert): Promise<SiteRow> {
  try {
    const [row] = await tx.insert(mirror_site).values(values).returning()
    if (row) return row
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
  }
  throw new PortalError('mirror.name-taken', { field: 'site', params: { name: values.name } })
}

/** Changes a site's name, address or contacts. @throws PortalError */
export async function changeSite(ctx: Ctx, name: string, input: SiteInput): Promise<void> {
  await transaction(ctx, async (tx) => {
    const row = await getSite(tx, name)
    await requireSiteAdmin(tx, ctx, row.id)
    if (input.name !== row.name && (await siteByName(tx, input.name)))
      throw new PortalError('mirror.name-taken', { field: 'site', params: { name: input.name } })
    await tx.update(mirror_site).set(input).where(eq(mirror_site.id, row.id))
    const subject = `mirror-site:${row.name}`
    const details = { name: input.name, url: input.url }
    await audit(tx, ctx, { action: 'mirror-site.changed', subject, details })
  })
}

/** @throws PortalError not-found */
export async function getSite(db: Reader, name: string): Promise<SiteRow> {
  const row = await siteByName(db, name)
  if (!row) throw new PortalError('not-found', { field: 'site' })
  return row
}

/** Lets a person speak for a site. @throws PortalError */
export async function addSiteAdmin(ctx: Ctx, site: string, username: string): Promise<void> {
  await transaction(ctx, async (tx) => {
    const row = await getSite(tx, site)
    await requireSiteAdmin(tx, ctx, row.id)
    const person = await findPerson(tx, username)
    if (!person) throw invalid('username', reason('mirror.person-unknown', { username }))
    const added_at = ctx.app.clock.now()
    const values = { site_id: row.id, person_id: person.id, added_at }
    await tx.insert(mirror_admin).values(values).onConflictDoNothing()
    await noteAdmin(tx, ctx, 'mirror-site.admin-added', row, person)
  })
}

/** A site keeps at least one admin; the portal's admins can always help out. @throws PortalError */
export async function removeSiteAdmin(ctx: Ctx, site: string, username: string): Promise<void> {
  await transaction(ctx, async (tx) => {
    const row = await getSite(tx, site)
    await requireSiteAdmin(tx, ctx, row.id)
    const person = await findPerson(tx, username)
    const ids = await adminIds(tx, row.id)
    if (!person || !ids.includes(person.id))
      throw invalid('username', reason('mirror.person-unknown', { username }))
    if (ids.length === 1) throw invalid('username', reason('mirror.last-admin'))
    const { site_id, person_id } = mirror_admin
    await tx.delete(mirror_admin).where(and(eq(site_id, row.id), eq(person_id, person.id)))
    await noteAdmin(tx, ctx, 'mirror-site.admin-removed', row, person)
  })
}

async function noteAdmin(
  tx: Tx,
  ctx: Ctx,
  action: AuditAction,
  site: SiteRow,
  person: { id: number; username: string },
): Promise<void> {
  const details = { username: person.username }
  const subject = `mirror-site:${site.name}`
  await audit(tx, ctx, { action, subject, details, person_id: person.id })
  await emit(tx, ctx, 'mirror.site-changed', subject)
}

/** Sites of whoever asks. @throws PortalError account.log-in-needed */
export function mySites(ctx: Ctx): Promise<SiteRow[]> {
  return sitesOf(ctx.app.db, requirePerson(ctx).id)
}

/** Names of a site's admins. */
export async function siteAdmins(db: Reader, site_id: number): Promise<string[]> {
  return usernamesOf(db, await adminIds(db, site_id))
}

/** @throws Error for a number that no site has: rows refer to sites that are never removed */
export async function siteOf(db: Reader, id: number): Promise<SiteRow> {
  const row = await siteById(db, id)
  if (!row) throw new Error(`there is no site ${id}`)
  return row
}
