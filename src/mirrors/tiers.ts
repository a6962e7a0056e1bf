/** Tier 1: asking for it, the mirror team's answer, and the addresses that may pull from the master. */
import { and, asc, eq, gt, isNotNull, isNull, or } from 'drizzle-orm'
import { mirror_host, mirror_source } from '../../db/schema/mirrors.ts'
import { requireRole } from '../kernel/access.ts'
import { actorName, type Ctx } from '../kernel/context.ts'
import { isUniqueViolation, type Reader, type Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { getHost, type HostRow, hostForAdmin, note } from './hosts.ts'
import { readSource } from './mirror.ts'
import { sourcesOf } from './queries.ts'

/** Addresses of one mirror that may pull from the master. */
export const SOURCES_MAX = 20

/** Asks the mirror team for tier 1. @throws PortalError mirror.refused while control is not proved */
export async function requestTier1(ctx: Ctx, name: string, why: string): Promise<void> {
  await transaction(ctx, async (tx) => {
    const host = await hostForAdmin(tx, ctx, name)
    if (host.proved_at === null)
      throw new PortalError('mirror.refused', { reasons: [reason('mirror.not-proved')] })
    if (host.tier === 1) return
    await setTier(tx, ctx, host, { tier: 1, tier_approved_at: null })
    await note(tx, ctx, host, 'mirror.tier-requested', why.slice(0, 1000))
  })
}

/** The mirror team's answer, with its reason. @throws PortalError account.forbidden, mirror.refused */
export async function reviewTier1(
  ctx: Ctx,
  name: string,
  answer: { approve: boolean; reason: string },
): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  if (answer.reason.trim() === '') throw invalid('reason', reason('mirror.review-reason'))
  await transaction(ctx, async (tx) => {
    const host = await getHost(tx, name)
    if (host.tier !== 1)
      throw new PortalError('mirror.refused', { reasons: [reason('mirror.tier-not-asked')] })
    const tier_approved_at = answer.approve ? (host.tier_approved_at ?? ctx.app.clock.now()) : null
    await setTier(tx, ctx, host, { tier: answer.approve ? 1 : 2, tier_approved_at })
    const action = answer.approve ? 'mirror.tier-approved' : 'mirror.tier-refused'
    await note(tx, ctx, host, action, answer.reason.slice(0, 1000))
  })
}

async function setTier(
  tx: Tx,
  ctx: Ctx,
  host: HostRow,
  values: { tier: 1 | 2; tier_approved_at: number | null },
): Promise<void> {
  const modified_at = ctx.app.clock.now()
  await tx
    .update(mirror_host)
    .set({ ...values, modified_at })
    .where(eq(mirror_host.id, host.id))
}

/**
 * Lets an address or small network pull from the master while the mirror is tier 1.
 * @param expires_at milliseconds since the epoch; null for as long as the mirror is tier 1
 * @throws PortalError
 */
export async function addSource(
  ctx: Ctx,
  name: string,
  input: { cidr: string; expires_at: number | null },
): Promise<void> {
  const cidr = readSource(input.cidr, ctx.app.config.private_mirrors.length > 0)
  if (cidr === undefined)
    throw invalid('cidr', reason('mirror.source-wrong', { cidr: input.cidr.slice(0, 60) }))
  if (input.expires_at !== null && !(input.expires_at > ctx.app.clock.now()))
    throw invalid('expires_at', reason('mirror.source-past'))
  await transaction(ctx, async (tx) => {
    const host = await hostForAdmin(tx, ctx, name)
    if ((await sourcesOf(tx, host.id)).length >= SOURCES_MAX)
      throw invalid('cidr', reason('mirror.sources-max', { max: SOURCES_MAX }))
    await insertSource(tx, ctx, host, cidr, input.expires_at)
    await note(tx, ctx, host, 'mirror.source-added', undefined, { ...input, cidr })
  })
}

async function insertSource(
  tx: Tx,
  ctx: Ctx,
  host: HostRow,
  cidr: string,
  expires_at: number | null,
): Promise<void> {
  const added = { added_by: actorName(ctx.actor), added_at: ctx.app.clock.now() }
  try {
    await tx.insert(mirror_source).values({ host_id: host.id, cidr, expires_at, ...added })
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    throw invalid('cidr', reason('mirror.source-twice', { cidr }))
  }
}

/** @throws PortalError */
export async function removeSource(ctx: Ctx, name: string, cidr: string): Promise<void> {
  await transaction(ctx, async (tx) => {
    const host = await hostForAdmin(tx, ctx, name)
    const gone = await tx
      .delete(mirror_source)
      .where(and(eq(mirror_source.host_id, host.id), eq(mirror_source.cidr, cidr)))
      .returning()
    if (gone.length === 0) throw new PortalError('not-found', { field: 'cidr' })
    await note(tx, ctx, host, 'mirror.source-removed', undefined, { cidr })
  })
}

/** What the master's daemon lets in now: live addresses of approved, active tier-1 mirrors. */
export async function allowedSources(
  db: Reader,
  now_ms: number,
): Promise<{ cidr: string; mirror: string; expires_at: number | null }[]> {
  return db
    .select({
      cidr: mirror_source.cidr,
      mirror: mirror_host.name,
      expires_at: mirror_source.expires_at,
    })
    .from(mirror_source)
    .innerJoin(mirror_host, eq(mirror_host.id, mirror_source.host_id))
    .where(
      and(
        eq(mirror_host.tier, 1),
        isNotNull(mirror_host.tier_approved_at),
        eq(mirror_host.state, 'active'),
        isNotNull(mirror_host.proved_at),
        or(isNull(mirror_source.expires_at), gt(mirror_source.expires_at, now_ms)),
      ),
    )
    .orderBy(asc(mirror_host.name), asc(mirror_source.cidr))
}
