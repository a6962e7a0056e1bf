/** Mirrors as people and programs see them: the list, one mirror with its state, its evidence. */
import type { Ctx } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { decodeCursor, encodeCursor } from '../kernel/http.ts'
import type { Reason } from '../kernel/reason.ts'
import { listRepositories, type RepositoryRow } from '../repos/repositories.ts'
import { type Punctuality, punctualityOf } from './arrival.ts'
import { type Exclusion, type Hold, holdOf, isExcluded, proofPath, tierOf } from './mirror.ts'
import { punctualities } from './propagation.ts'
import {
  allUrls,
  type CheckRow,
  checksOf,
  exclusionsOf,
  type HostRow,
  hostByName,
  hostsWithSites,
  listedCounts,
  netblocksOf,
  peerAsnsOf,
  type RepositoryStateRow,
  type SiteRow,
  type SourceRow,
  sourcesOf,
  statesOf,
  statesOfRepository,
  type UrlRow,
  urlsOf,
} from './queries.ts'
import { mayManage, mySites, siteAdmins, siteOf } from './sites.ts'

export interface MirrorEntry {
  host: HostRow
  site: SiteRow
  urls: UrlRow[]
  hold: Hold | undefined
  tier: 1 | 2
  /** Repositories for which it is on the list, and those for which it fails. */
  listed: number
  failing: number
  punctuality: Punctuality
}

const STRANGERS: (Hold | undefined)[] = ['unproved', 'retired']

/** By country and name; without those whose control nobody has proved and those that are retired. */
export async function listMirrors(
  ctx: Ctx,
  filter: { country?: string | undefined } = {},
): Promise<MirrorEntry[]> {
  const entries = await allMirrors(ctx)
  return entries.filter(
    (each) =>
      !STRANGERS.includes(each.hold) &&
      (filter.country === undefined || each.host.country === filter.country),
  )
}

/** Mirrors of the sites that whoever asks is an admin of, whatever their state. */
export async function myMirrors(ctx: Ctx): Promise<MirrorEntry[]> {
  const mine = new Set((await mySites(ctx)).map((site) => site.id))
  return (await allMirrors(ctx)).filter((each) => mine.has(each.site.id))
}

async function allMirrors(ctx: Ctx): Promise<MirrorEntry[]> {
  const { db, clock } = ctx.app
  const [rows, urls, states] = [
    await hostsWithSites(db),
    Map.groupBy(await allUrls(db), (each) => each.host_id),
    Map.groupBy(await listedCounts(db), (each) => each.host_id),
  ]
  const delays = await punctualities(ctx)
  return rows.map(({ host, site }) => {
    const own = states.get(host.id) ?? []
    return {
      ...{ host, site, urls: urls.get(host.id) ?? [] },
      ...{ hold: holdOf(host, clock.now()), tier: tierOf(host) },
      listed: own.filter((each) => each.listed).length,
      failing: own.filter((each) => each.failing_since !== null).length,
      punctuality: delays.get(host.id) ?? punctualityOf(0, []),
    }
  })
}

/** How one repository stands on a mirror. */
export type Standing =
  | 'excluded'
  | 'unknown'
  | 'fresh'
  | 'stale'
  | 'missing'
  | 'corrupt'
  | 'slow'
  | 'down'

export interface CarriedRepository {
  repository: RepositoryRow
  standing: Standing
  state: RepositoryStateRow | undefined
}

export interface MirrorView {
  host: HostRow
  site: SiteRow
  urls: UrlRow[]
  hold: Hold | undefined
  tier: 1 | 2
  netblocks: string[]
  peer_asns: number[]
  exclusions: Exclusion[]
  repositories: CarriedRepository[]
  /** Over the last pushes. */
  punctuality: Punctuality
  /** Only for those who may change it. */
  managed:
    | { admins: string[]; sources: SourceRow[]; proof: { path: string; line: string } }
    | undefined
}

/** @throws PortalError not-found, also for strangers while control of it is not proved */
export async function describeMirror(ctx: Ctx, name: string): Promise<MirrorView> {
  const { db, clock } = ctx.app
  const host = await hostByName(db, name)
  const manages = host !== undefined && (await mayManage(db, ctx, host.site_id))
  if (!host || (host.proved_at === null && !manages)) throw new PortalError('not-found')
  const exclusions = await exclusionsOf(db, host.id)
  return {
    ...{ host, hold: holdOf(host, clock.now()), tier: tierOf(host) },
    site: await siteOf(db, host.site_id),
    urls: await urlsOf(db, host.id),
    netblocks: await netblocksOf(db, host.id),
    peer_asns: await peerAsnsOf(db, host.id),
    exclusions: exclusions.map(({ release, arch, repository }) => ({ release, arch, repository })),
    repositories: await carriedOf(db, host.id, exclusions),
    punctuality: (await punctualities(ctx, host.id)).get(host.id) ?? punctualityOf(0, []),
    managed: manages ? await managedOf(db, host) : undefined,
  }
}

async function managedOf(db: Reader, host: HostRow) {
  return {
    admins: await siteAdmins(db, host.site_id),
    sources: await sourcesOf(db, host.id),
    proof: { path: proofPath(host.name), line: host.proof_token },
  }
}

async function carriedOf(
  db: Reader,
  host_id: number,
  exclusions: Exclusion[],
): Promise<CarriedRepository[]> {
  const states = new Map((await statesOf(db, host_id)).map((row) => [row.repository_id, row]))
  const published = (await listRepositories(db)).filter((row) => row.generation_id > 0)
  return published.map((repository) => {
    const state = states.get(repository.id)
    const seen = (state?.outcome ?? 'unknown') as Standing
    const standing = isExcluded(exclusions, repository) ? 'excluded' : seen
    return { repository, standing, state }
  })
}

export interface Evidence {
  check: CheckRow
  /** Null for one that is gone. */
  repository: string | null
  arch: string | null
  reason: Reason | undefined
}

/** How one repository stands on each mirror that has been looked at for it, by the mirror's row. */
export async function standingsOf(
  ctx: Ctx,
  repository_id: number,
): Promise<Map<number, RepositoryStateRow>> {
  const rows = await statesOfRepository(ctx.app.db, repository_id)
  return new Map(rows.map((row) => [row.host_id, row]))
}

/** Repositories that mirrors can have. */
export async function mirroredRepositories(ctx: Ctx): Promise<RepositoryRow[]> {
  return (await listRepositories(ctx.app.db)).filter((row) => row.generation_id > 0)
}

/** What the crawler saw of a mirror, newest first. @throws PortalError not-found, input.cursor */
export async function mirrorEvidence(
  ctx: Ctx,
  name: string,
  page: { cursor?: string | undefined; limit: number },
): Promise<{ items: Evidence[]; next: string | null }> {
  const { host } = await describeMirror(ctx, name)
  const rows = await checksOf(ctx.app.db, host.id, page.limit + 1, decodeCursor(page.cursor))
  const items = rows.slice(0, page.limit).map((row) => ({
    ...row,
    reason: row.check.detail === '' ? undefined : (JSON.parse(row.check.detail) as Reason),
  }))
  const last = items.at(-1)
  const next = rows.length > page.limit && last ? encodeCursor(last.check.id) : null
  return { items, next }
}
