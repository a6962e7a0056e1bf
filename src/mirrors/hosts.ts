/** Mirrors: signing up, changing, proving control, pausing and retiring. Each change leaves an audit row. */
import { and, eq, notInArray } from 'drizzle-orm'
import {
  mirror_exclusion,
  mirror_host,
  mirror_netblock,
  mirror_peer_asn,
  mirror_url,
} from '../../db/schema/mirrors.ts'
import { takeTry } from '../accounts/limits.ts'
import { requireRole } from '../kernel/access.ts'
import { type AuditAction, audit } from '../kernel/audit.ts'
import { DAY_MS } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import { isUniqueViolation, type Reader, type Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { newHex } from '../kernel/random.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { type Crawler, createCrawler, lookForProof } from './crawler.ts'
import type { MirrorInput, SiteInput } from './mirror.ts'
import { type HostRow, hostByName, siteByName, urlsOf } from './queries.ts'
import { addSite, requireSiteAdmin } from './sites.ts'

export type { HostRow, UrlRow } from './queries.ts'

/** Longest window of maintenance; a mirror that is away for longer is paused. */
export const MAINTENANCE_MAX_MS = 60 * DAY_MS

/** @throws PortalError not-found */
export async function getHost(db: Reader, name: string): Promise<HostRow> {
  const row = await hostByName(db, name)
  if (!row) throw new PortalError('not-found', { field: 'name' })
  return row
}

/**
 * Signs a mirror up. The site is made with it unless there is one of that name, of which the person
 * must be an admin.
 * @throws PortalError mirror.name-taken, mirror.not-admin
 */
export async function signUpMirror(
  ctx: Ctx,
  input: { site: SiteInput; mirror: MirrorInput },
): Promise<HostRow> {
  requireRole(ctx, 'member', 'package')
  return transaction(ctx, async (tx) => {
    const existing = await siteByName(tx, input.site.name)
    if (existing) await requireSiteAdmin(tx, ctx, existing.id)
    const site = existing ?? (await addSite(tx, ctx, input.site))
    return addMirror(tx, ctx, site.id, input.mirror)
  })
}

/** The row with all that belongs to it, inside a transaction. */
export async function addMirror(
  tx: Tx,
  ctx: Ctx,
  site_id: number,
  input: MirrorInput,
): Promise<HostRow> {
  const now = ctx.app.clock.now()
  const proof_token = `slipway-mirror-${newHex(ctx.app.random, 32)}`
  const row = await insertHost(tx, {
    ...ownColumns(input),
    ...{ site_id, proof_token, created_at: now, modified_at: now },
  })
  await writeParts(tx, row.id, input)
  await note(tx, ctx, row, 'mirror.made')
  return row
}

async function insertHost(tx: Tx, values: typeof mirror_host.$inferInsert): Promise<HostRow> {
  try {
    const [row] = await tx.insert(mirror_host).values(values).returning()
    if (row) return row
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
  }
  throw new PortalError('mirror.name-taken', { field: 'name', params: { name: values.name } })
}

function ownColumns(input: MirrorInput) {
  const { urls, netblocks, peer_asns, exclusions, ...columns } = input
  return columns
}

/** Replaces what stands in tables of its own. */
async function writeParts(tx: Tx, host_id: number, input: MirrorInput): Promise<void> {
  for (const part of [mirror_netblock, mirror_peer_asn, mirror_exclusion])
    await tx.delete(part).where(eq(part.host_id, host_id))
  await writeUrls(tx, host_id, input.urls)
  const netblocks = input.netblocks.map((cidr) => ({ host_id, cidr }))
  for (let at = 0; at < netblocks.length; at += 500)
    await tx.insert(mirror_netblock).values(netblocks.slice(at, at + 500))
  if (input.peer_asns.length > 0)
    await tx.insert(mirror_peer_asn).values(input.peer_asns.map((asn) => ({ host_id, asn })))
  if (input.exclusions.length > 0)
    await tx.insert(mirror_exclusion).values(input.exclusions.map((each) => ({ host_id, ...each })))
}

/** An address that stays keeps what checks said of it; a new one is listed after its first good check. */
async function writeUrls(tx: Tx, host_id: number, urls: MirrorInput['urls']): Promise<void> {
  const kept = urls.map((each) => each.url)
  const others = and(eq(mirror_url.host_id, host_id), notInArray(mirror_url.url, kept))
  await tx.delete(mirror_url).where(others)
  const rows = urls.map((each) => ({ host_id, ...each, listed: false }))
  await tx.insert(mirror_url).values(rows).onConflictDoNothing()
}

/** Audit row and event of one change. */
export async function note(
  tx: Tx,
  ctx: Ctx,
  host: Pick<HostRow, 'name'>,
  action: AuditAction,
  why?: string,
  details: Record<string, unknown> = {},
): Promise<void> {
  const subject = `mirror:${host.name}`
  await audit(tx, ctx, { action, subject, details, ...(why !== undefined && { reason: why }) })
  await emit(tx, ctx, 'mirror.changed', subject, { what: action })
}

/** Web addresses decide whose mirror it is: with others, control is to be proved again. */
const webUrls = (urls: readonly { protocol: string; url: string }[]) =>
  urls
    .filter((each) => each.protocol.startsWith('http'))
    .map((each) => each.url)
    .sort()
    .join(' ')

/** Changes what is said about a mirror. @throws PortalError not-found, mirror.not-admin, mirror.refused */
export async function changeMirror(ctx: Ctx, name: string, input: MirrorInput): Promise<HostRow> {
  return transaction(ctx, async (tx) => {
    const host = await hostForAdmin(tx, ctx, name)
    await replaceMirror(tx, ctx, host, input)
    return getHost(tx, input.name)
  })
}

/** The same inside a transaction of more; the caller has checked who asks. */
export async function replaceMirror(
  tx: Tx,
  ctx: Ctx,
  host: HostRow,
  input: MirrorInput,
): Promise<void> {
  const before = webUrls(await urlsOf(tx, host.id))
  const same = before === webUrls(input.urls) && input.name === host.name
  if (input.name !== host.name && (await hostByName(tx, input.name)))
    throw new PortalError('mirror.name-taken', { field: 'name', params: { name: input.name } })
  await tx
    .update(mirror_host)
    .set({
      ...ownColumns(input),
      modified_at: ctx.app.clock.now(),
      ...(!same && ctx.actor.kind !== 'system' && { proved_at: null }),
      // What was seen under other addresses, or of another choice of repositories, is to be seen anew.
      crawled_at: null,
    })
    .where(eq(mirror_host.id, host.id))
  await writeParts(tx, host.id, input)
  await note(tx, ctx, host, 'mirror.changed', undefined, { name: input.name })
}

/** A mirror that the actor may change. @throws PortalError not-found, mirror.not-admin, mirror.refused */
export async function hostForAdmin(tx: Reader, ctx: Ctx, name: string): Promise<HostRow> {
  const host = await getHost(tx, name)
  await requireSiteAdmin(tx, ctx, host.site_id)
  if (host.state === 'retired')
    throw new PortalError('mirror.refused', { reasons: [reason('mirror.retired', { name })] })
  return host
}

/**
 * Looks for the proof of control on the mirror, now. With it the mirror is active and soon crawled.
 * @throws PortalError mirror.refused with what was found in its place, rate.limited
 */
export async function proveMirror(ctx: Ctx, name: string, means?: Crawler): Promise<void> {
  const { app } = ctx
  const host = await hostForAdmin(app.db, ctx, name)
  await takeTry(ctx, 'prove', `mirror:${host.id}`)
  const urls = await urlsOf(app.db, host.id)
  const crawler = means ?? createCrawler(app, { limits: { connect_ms: 5000, request_ms: 10_000 } })
  const reasons = await lookForProof(crawler, { ...host, urls })
  if (reasons.length > 0) throw new PortalError('mirror.refused', { reasons })
  await transaction(ctx, async (tx) => {
    const now = await hostForAdmin(tx, ctx, name)
    if (webUrls(await urlsOf(tx, host.id)) !== webUrls(urls))
      throw new PortalError('mirror.refused', { reasons: [reason('mirror.changed-meanwhile')] })
    const state = now.state === 'new' ? 'active' : now.state
    const proved_at = app.clock.now()
    await tx
      .update(mirror_host)
      .set({ proved_at, state, crawled_at: null, modified_at: proved_at })
      .where(eq(mirror_host.id, host.id))
    await note(tx, ctx, host, 'mirror.proved')
  })
}

export type StateChange = 'pause' | 'resume' | 'retire'

/** Pausing and coming back are the owner's word; retiring is for good. @throws PortalError */
export async function changeMirrorState(
  ctx: Ctx,
  name: string,
  change: StateChange,
  why = '',
): Promise<void> {
  await transaction(ctx, async (tx) => {
    const host = await hostForAdmin(tx, ctx, name)
    const awake = host.proved_at === null ? ('new' as const) : ('active' as const)
    const state = { pause: 'paused' as const, resume: awake, retire: 'retired' as const }[change]
    await tx
      .update(mirror_host)
      .set({
        state,
        modified_at: ctx.app.clock.now(),
        ...(change === 'resume' && { crawled_at: null }),
      })
      .where(eq(mirror_host.id, host.id))
    await note(tx, ctx, host, `mirror.${change}d`, why.slice(0, 500))
  })
}

export interface Maintenance {
  /** Milliseconds since the epoch; null for both ends the window. */
  from: number | null
  until: number | null
  note: string
}

/** Announces a window in which the mirror is not on the list, whatever a crawl says. @throws PortalError */
export async function setMaintenance(ctx: Ctx, name: string, window: Maintenance): Promise<void> {
  const { from, until } = window
  if ((from === null) !== (until === null)) throw invalid('until', reason('mirror.window-half'))
  if (from !== null && until !== null) {
    if (!(until > from)) throw invalid('until', reason('mirror.window-order'))
    if (until - from > MAINTENANCE_MAX_MS)
      throw invalid('until', reason('mirror.window-long', { days: MAINTENANCE_MAX_MS / DAY_MS }))
  }
  await transaction(ctx, async (tx) => {
    const host = await hostForAdmin(tx, ctx, name)
    await tx
      .update(mirror_host)
      .set({
        maintenance_from: from,
        maintenance_until: until,
        maintenance_note: window.note.trim().slice(0, 500),
        modified_at: ctx.app.clock.now(),
      })
      .where(eq(mirror_host.id, host.id))
    await note(tx, ctx, host, 'mirror.maintenance', window.note.slice(0, 500), { from, until })
  })
}
