/** Who takes care of a package that is not ready: claimed and let go by oneself. */
import { and, eq } from 'drizzle-orm'
import { package_claim } from '../../db/schema/releases.ts'
import { requirePerson, requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import type { Ctx } from '../kernel/context.ts'
import { PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { readinessOfPackage } from './reports.ts'

/** @throws PortalError not-found, release.refused when somebody has it, account.* */
export async function claimPackage(ctx: Ctx, release: string, name: string): Promise<void> {
  requireRole(ctx, 'member', 'vote')
  const person = requirePerson(ctx)
  if (!(await readinessOfPackage(ctx, release, name)))
    throw new PortalError('not-found', { field: 'package' })
  await transaction(ctx, async (tx) => {
    const own = { person_id: person.id, username: person.username, at: ctx.app.clock.now() }
    const made = await tx
      .insert(package_claim)
      .values({ release, package: name, ...own })
      .onConflictDoNothing()
      .returning()
    if (made.length === 0) throw taken(await holderOf(ctx, release, name))
    const subject = `package:${name}`
    await audit(tx, ctx, { action: 'package.claimed', subject, details: { release } })
    await emit(tx, ctx, 'package.claimed', subject, { release, by: person.username })
  })
}

async function holderOf(ctx: Ctx, release: string, name: string): Promise<string> {
  const [row] = await ctx.app.db
    .select()
    .from(package_claim)
    .where(and(eq(package_claim.release, release), eq(package_claim.package, name)))
  return row?.username ?? ''
}

const taken = (username: string) =>
  new PortalError('release.refused', { reasons: [reason('release.claimed', { username })] })

/** Lets a package go: its holder, or an admin for someone who is away. @throws PortalError */
export async function releaseClaim(ctx: Ctx, release: string, name: string): Promise<void> {
  requireRole(ctx, 'member', 'vote')
  const person = requirePerson(ctx)
  const admin = person.roles.includes('admin')
  await transaction(ctx, async (tx) => {
    const gone = await tx
      .delete(package_claim)
      .where(
        and(
          eq(package_claim.release, release),
          eq(package_claim.package, name),
          admin ? undefined : eq(package_claim.person_id, person.id),
        ),
      )
      .returning()
    if (gone.length === 0) throw new PortalError('not-found', { field: 'package' })
    const subject = `package:${name}`
    await audit(tx, ctx, { action: 'package.claim-released', subject, details: { release } })
    await emit(tx, ctx, 'package.claim-released', subject, { release })
  })
}
