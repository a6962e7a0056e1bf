/** Reads of the mirrors' registry and of what the crawler saw. No decisions. */
import { and, asc, desc, eq, inArray, isNotNull, isNull, lte, max, or } from 'drizzle-orm'
import {
  mirror_admin,
  mirror_check,
  mirror_exclusion,
  mirror_host,
  mirror_netblock,
  mirror_peer_asn,
  mirror_repository,
  mirror_site,
  mirror_source,
  mirror_url,
} from '../../db/schema/mirrors.ts'
import { repository } from '../../db/schema/repos.ts'
import type { Reader } from '../kernel/db.ts'
import { mirrorProtocols } from './mirror.ts'

export type SiteRow = typeof mirror_site.$inferSelect
export type HostRow = typeof mirror_host.$inferSelect
export type UrlRow = typeof mirror_url.$inferSelect
export type SourceRow = typeof mirror_source.$inferSelect
export type ExclusionRow = typeof mirror_exclusion.$inferSelect
export type CheckRow = typeof mirror_check.$inferSelect
export type RepositoryStateRow = typeof mirror_repository.$inferSelect

export async function siteById(db: Reader, id: number): Promise<SiteRow | undefined> {
  const [row] = await db.select().from(mirror_site).where(eq(mirror_site.id, id))
  return row
}

export async function siteByName(db: Reader, name: string): Promise<SiteRow | undefined> {
  const [row] = await db.select().from(mirror_site).where(eq(mirror_site.name, name))
  return row
}

export async function hostByName(db: Reader, name: string): Promise<HostRow | undefined> {
  const [row] = await db.select().from(mirror_host).where(eq(mirror_host.name, name))
  return row
}

export async function hostById(db: Reader, id: number): Promise<HostRow | undefined> {
  const [row] = await db.select().from(mirror_host).where(eq(mirror_host.id, id))
  return row
}

/** All hosts with their sites, by country and name. */
export function hostsWithSites(db: Reader) {
  return db
    .select({ host: mirror_host, site: mirror_site })
    .from(mirror_host)
    .innerJoin(mirror_site, eq(mirror_site.id, mirror_host.site_id))
    .orderBy(asc(mirror_host.country), asc(mirror_host.name))
}

/** Sites that a person administers. */
export async function sitesOf(db: Reader, person_id: number): Promise<SiteRow[]> {
  const rows = await db
    .select({ site: mirror_site })
    .from(mirror_admin)
    .innerJoin(mirror_site, eq(mirror_site.id, mirror_admin.site_id))
    .where(eq(mirror_admin.person_id, person_id))
    .orderBy(asc(mirror_site.name))
  return rows.map(({ site }) => site)
}

export async function adminIds(db: Reader, site_id: number): Promise<number[]> {
  const rows = await db
    .select({ id: mirror_admin.person_id })
    .from(mirror_admin)
    .where(eq(mirror_admin.site_id, site_id))
    .orderBy(asc(mirror_admin.added_at), asc(mirror_admin.person_id))
  return rows.map(({ id }) => id)
}

/** Addresses in the order in which clients prefer them. */
export async function urlsOf(db: Reader, host_id: number): Promise<UrlRow[]> {
  const rows = await db.select().from(mirror_url).where(eq(mirror_url.host_id, host_id))
  return rows.sort(
    (a, b) => mirrorProtocols.indexOf(a.protocol) - mirrorProtocols.indexOf(b.protocol),
  )
}

export async function netblocksOf(db: Reader, host_id: number): Promise<string[]> {
  const rows = await db
    .select({ cidr: mirror_netblock.cidr })
    .from(mirror_netblock)
    .where(eq(mirror_netblock.host_id, host_id))
    .orderBy(asc(mirror_netblock.id))
  return rows.map(({ cidr }) => cidr)
}

export async function peerAsnsOf(db: Reader, host_id: number): Promise<number[]> {
  const rows = await db
    .select({ asn: mirror_peer_asn.asn })
    .from(mirror_peer_asn)
    .where(eq(mirror_peer_asn.host_id, host_id))
    .orderBy(asc(mirror_peer_asn.asn))
  return rows.map(({ asn }) => asn)
}

export function exclusionsOf(db: Reader, host_id: number): Promise<ExclusionRow[]> {
  return db
    .select()
    .from(mirror_exclusion)
    .where(eq(mirror_exclusion.host_id, host_id))
    .orderBy(asc(mirror_exclusion.id))
}

export function allExclusions(db: Reader): Promise<ExclusionRow[]> {
  return db.select().from(mirror_exclusion)
}

export function allUrls(db: Reader): Promise<UrlRow[]> {
  return db.select().from(mirror_url)
}

export function sourcesOf(db: Reader, host_id: number): Promise<SourceRow[]> {
  return db
    .select()
    .from(mirror_source)
    .where(eq(mirror_source.host_id, host_id))
    .orderBy(asc(mirror_source.id))
}

export function statesOf(db: Reader, host_id: number): Promise<RepositoryStateRow[]> {
  return db.select().from(mirror_repository).where(eq(mirror_repository.host_id, host_id))
}

export function statesOfRepository(
  db: Reader,
  repository_id: number,
): Promise<RepositoryStateRow[]> {
  return db
    .select()
    .from(mirror_repository)
    .where(eq(mirror_repository.repository_id, repository_id))
}

/** How many repositories each host is listed for, and when it was looked at last. */
export function listedCounts(db: Reader) {
  const { host_id, listed, failing_since } = mirror_repository
  return db.select({ host_id, listed, failing_since }).from(mirror_repository)
}

/** In which ways the repositories of each host stand: every way once, however many stand so. */
export function standingsOfHosts(db: Reader) {
  const { host_id, listed, outcome } = mirror_repository
  return db.selectDistinct({ host_id, listed, outcome }).from(mirror_repository)
}

/** Newest evidence first; `before` is the id to go on from. */
export function checksOf(db: Reader, host_id: number, limit: number, before?: number) {
  return db
    .select({ check: mirror_check, repository: repository.name, arch: repository.arch })
    .from(mirror_check)
    .leftJoin(repository, eq(repository.id, mirror_check.repository_id))
    .where(
      and(
        eq(mirror_check.host_id, host_id),
        before === undefined ? undefined : lte(mirror_check.id, before - 1),
      ),
    )
    .orderBy(desc(mirror_check.id))
    .limit(limit)
}

/** The newest evidence of each repository, family and protocol. */
export async function latestChecks(db: Reader, host_id: number): Promise<CheckRow[]> {
  const newest = await db
    .select({ id: max(mirror_check.id) })
    .from(mirror_check)
    .where(eq(mirror_check.host_id, host_id))
    .groupBy(mirror_check.repository_id, mirror_check.family, mirror_check.protocol)
  const ids = newest.flatMap(({ id }) => (id === null ? [] : [Number(id)]))
  if (ids.length === 0) return []
  return db.select().from(mirror_check).where(inArray(mirror_check.id, ids))
}

/** Proved mirrors that nobody has looked at since a moment, the longest waiting first. */
export function hostsToCrawl(db: Reader, before_ms: number, limit: number): Promise<HostRow[]> {
  return db
    .select()
    .from(mirror_host)
    .where(
      and(
        eq(mirror_host.state, 'active'),
        isNotNull(mirror_host.proved_at),
        or(isNull(mirror_host.crawled_at), lte(mirror_host.crawled_at, before_ms)),
      ),
    )
    .orderBy(asc(mirror_host.crawled_at), asc(mirror_host.id))
    .limit(limit)
}
