/** Overrides: a candidate build in the build tag for a while, so that others can be built against it. */
import { and, desc, eq, isNull, lte } from 'drizzle-orm'
import { build_override } from '../../db/schema/updates.ts'
import { buildState, releaseTags } from '../builds/build.ts'
import { findBuild, findBuildById } from '../builds/builds.ts'
import { getTarget, tagBuild, untagBuild } from '../builds/tags.ts'
import { requirePerson, requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { DAY_MS } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { requireMaintainer } from '../packages/owners.ts'

/** Bodhi's limit; who needs longer wants an update. */
export const OVERRIDE_DAYS_MAX = 31

export type OverrideRow = typeof build_override.$inferSelect

export interface OverrideInput {
  nvr: string
  notes: string
  /** 1 to OVERRIDE_DAYS_MAX. */
  days: number
}

/** Makes an override, or renews the one that the build has. @throws PortalError */
export async function overrideBuild(ctx: Ctx, input: OverrideInput): Promise<OverrideRow> {
  requireRole(ctx, 'packager', 'package')
  const person = requirePerson(ctx)
  const notes = input.notes.trim()
  if (notes === '') throw invalid('notes', reason('override.notes'))
  if (!(input.days >= 1 && input.days <= OVERRIDE_DAYS_MAX))
    throw invalid('days', reason('override.days', { days: OVERRIDE_DAYS_MAX }))
  return transaction(ctx, async (tx) => {
    const build = await findBuild(tx, input.nvr)
    if (!build) throw new PortalError('not-found', { field: 'nvr' })
    await requireMaintainer(tx, ctx, [build.name], 'nvr')
    if (build.state !== buildState.COMPLETE) throw new PortalError('build.not-complete')
    const { release } = await getTarget(tx, build.target)
    const now = ctx.app.clock.now()
    const life = { notes, expires_at: now + input.days * DAY_MS, expired_at: null }
    const who = { person_id: person.id, author: person.username }
    const [row] = await tx
      .insert(build_override)
      .values({ ...life, ...who, build_id: build.id, nvr: build.nvr, release, created_at: now })
      .onConflictDoUpdate({ target: build_override.build_id, set: { ...life, ...who } })
      .returning()
    if (!row) throw new Error('an override was not kept')
    await tagBuild(tx, ctx, releaseTags(release).override, build)
    const subject = `build:${build.nvr}`
    await audit(tx, ctx, { action: 'override.made', subject, reason: notes })
    return row
  })
}

/** Ends an override before its time. */
export async function endOverride(ctx: Ctx, nvr: string): Promise<void> {
  requireRole(ctx, 'packager', 'package')
  const [row] = await ctx.app.db
    .select()
    .from(build_override)
    .where(and(eq(build_override.nvr, nvr), isNull(build_override.expired_at)))
  const build = row && (await findBuild(ctx.app.db, nvr))
  if (!row || !build) throw new PortalError('not-found', { field: 'nvr' })
  await requireMaintainer(ctx.app.db, ctx, [build.name], 'nvr')
  await expire(ctx, row)
}

/** Takes out of the build tag what has had its time. @returns how many */
export async function expireOverrides(ctx: Ctx): Promise<number> {
  const due = await ctx.app.db
    .select()
    .from(build_override)
    .where(
      and(isNull(build_override.expired_at), lte(build_override.expires_at, ctx.app.clock.now())),
    )
  for (const row of due) await expire(ctx, row)
  return due.length
}

async function expire(ctx: Ctx, row: OverrideRow): Promise<void> {
  await transaction(ctx, async (tx) => {
    await tx
      .update(build_override)
      .set({ expired_at: ctx.app.clock.now() })
      .where(eq(build_override.id, row.id))
    const build = await findBuildById(tx, row.build_id)
    if (build) await untagBuild(tx, ctx, releaseTags(row.release).override, build)
    await audit(tx, ctx, { action: 'override.ended', subject: `build:${row.nvr}` })
  })
}

/** Newest first, live ones and ended ones. */
export function listOverrides(ctx: Ctx, limit = 200): Promise<OverrideRow[]> {
  return ctx.app.db.select().from(build_override).orderBy(desc(build_override.id)).limit(limit)
}
