/** Releases as they are now: made from content/distribution.yaml, their state kept in the database. */
import { and, asc, eq } from 'drizzle-orm'
import { release } from '../../db/schema/distribution.ts'
import { requireRole } from '../kernel/access.ts'
import { audit, auditOfAction } from '../kernel/audit.ts'
import type { App, Ctx } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import type { ReleaseDescription, ReleaseState } from '../kernel/distribution.ts'
import { PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { reason } from '../kernel/reason.ts'
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

/**
 * Puts a release into another state, with the reason on record. Whether it may go there is the releases room's
 * rule (releases/move.ts), which knows of readiness and decisions.
 * @param from where it must still be; undefined for wherever it is
 * @throws PortalError not-found, release.refused when it is not in `from` any more, account.*
 */
export async function setReleaseState(
  ctx: Ctx,
  name: string,
  state: ReleaseState,
  why: string,
  from?: ReleaseState,
): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  await transaction(ctx, async (tx) => {
    const before = await getRelease(tx, name)
    const changed = await tx
      .update(release)
      .set({ state, state_since: ctx.app.clock.now() })
      .where(and(eq(release.name, name), eq(release.state, from ?? before.state)))
      .returning()
    if (changed.length === 0)
      throw new PortalError('release.refused', {
        reasons: [reason('release.moved-meanwhile', { state: before.state })],
      })
    const subject = `release:${name}`
    const details = { from: before.state, state }
    await audit(tx, ctx, { action: 'release.state', subject, reason: why, details })
    await emit(tx, ctx, 'release.state', subject, { ...details, reason: why })
  })
}

export interface StateChange {
  /** Undefined where it was not kept. */
  from: ReleaseState | undefined
  state: ReleaseState
  /** Who, as the audit log writes it: person:ann, system:cli. */
  by: string
  reason: string
  at: number
}

/** Every change of a release's state, newest first. */
export async function stateChanges(ctx: Ctx, name: string): Promise<StateChange[]> {
  const rows = await auditOfAction(ctx.app.db, `release:${name}`, 'release.state')
  return rows.map(({ details, actor, reason: why, at }) => ({
    from: details.from as ReleaseState | undefined,
    state: details.state as ReleaseState,
    ...{ by: actor, reason: why ?? '', at },
  }))
}
