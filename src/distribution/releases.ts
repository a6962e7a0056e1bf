/** Releases as they are now: made from content/distribution.yaml, their state kept in the database. */
import { asc, eq } from 'drizzle-orm'
import { release } from '../../db/schema/distribution.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import type { App, Ctx } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import type { ReleaseDescription, ReleaseState } from '../kernel/distribution.ts'
import { PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { transaction } from '../kernel/transaction.ts'

export type ReleaseRow = typeof release.$inferSelect

/** A release's description from the distribution's data. @throws PortalError not-found */
export function describeRelease(app: App, name: string): ReleaseDescription {
  const found = app.distribution.releases.find((each) => each.name === name)
  if (!found) throw new PortalError('not-found', { field: 'release' })
  return found
}

/** Makes rows for releases that the distribution's data has and the database lacks. */
export async function syncReleases(ctx: Ctx): Promise<void> {
  const now = ctx.app.clock.now()
  await transaction(ctx, async (tx) => {
    for (const { name, version, state } of ctx.app.distribution.releases)
      await tx
        .insert(release)
        .values({ name, version, state, created_at: now, state_since: now })
        .onConflictDoNothing()
  })
}

/** @throws PortalError not-found */
export async function getRelease(db: Reader, name: string): Promise<ReleaseRow> {
  const [row] = await db.select().from(release).where(eq(release.name, name))
  if (!row) throw new PortalError('not-found', { field: 'release' })
  return row
}

export function listReleases(ctx: Ctx): Promise<ReleaseRow[]> {
  return ctx.app.db.select().from(release).orderBy(asc(release.id))
}

/** Moves a release to another state, with the reason on record. */
export async function setReleaseState(
  ctx: Ctx,
  name: string,
  state: ReleaseState,
  why: string,
): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  await transaction(ctx, async (tx) => {
    const changed = await tx
      .update(release)
      .set({ state, state_since: ctx.app.clock.now() })
      .where(eq(release.name, name))
      .returning()
    if (changed.length === 0) throw new PortalError('not-found', { field: 'release' })
    const subject = `release:${name}`
    await audit(tx, ctx, { action: 'release.state', subject, reason: why, details: { state } })
    await emit(tx, ctx, 'release.state', subject, { state, reason: why })
  })
}
