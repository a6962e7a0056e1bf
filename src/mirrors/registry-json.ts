/** Mirrors as JSON: in the list, one with how each repository stands on it, and what the crawler saw. */
import { iso } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import { reasonJson } from '../kernel/words.ts'
import type { UrlRow } from './queries.ts'
import { type CarriedRepository, describeMirror, type Evidence, type MirrorEntry } from './views.ts'

/** A mirror in the list. */
export function entryJson({
  host,
  site,
  urls,
  hold,
  tier,
  listed,
  failing,
  punctuality,
}: MirrorEntry) {
  const { name, country, asn, bandwidth_mbps, ipv4, ipv6, visibility } = host
  return {
    ...{ name, site: site.name, country, asn, bandwidth_mbps, ipv4, ipv6, visibility, tier },
    state: hold ?? 'active',
    urls: urls.map((each) => each.url),
    ...{ listed, failing, punctuality, crawled_at: iso(host.crawled_at) },
  }
}

function carriedJson(ctx: Ctx, { repository, standing, state }: CarriedRepository) {
  const t = ctx.app.words.in('en')
  const { name, arch, release, path } = repository
  return {
    ...{ name, arch, release, path, state: standing, listed: state?.listed ?? false },
    fresh_over: [
      ...(state && state.fresh & 1 ? [4] : []),
      ...(state && state.fresh & 2 ? [6] : []),
    ],
    reason: state?.reason ? reasonJson(t, state.reason) : null,
    failures: state?.failures ?? 0,
    failing_since: iso(state?.failing_since ?? null),
    fresh_at: iso(state?.fresh_at ?? null),
    checked_at: iso(state?.checked_at ?? null),
  }
}

function addressJson(ctx: Ctx, row: UrlRow) {
  const { protocol, url, listed, outcome, reason, failures } = row
  return {
    ...{ protocol, url, listed, outcome, failures },
    reason: reason && reasonJson(ctx.app.words.in('en'), reason),
    ...{ checked_at: iso(row.checked_at), fresh_at: iso(row.fresh_at) },
  }
}

/** One mirror with its repositories; what only its admins see is under `managed`. */
export async function mirrorJson(ctx: Ctx, name: string) {
  const view = await describeMirror(ctx, name)
  const { host, site, urls, hold, managed } = view
  const { country, latitude, longitude, asn, bandwidth_mbps, ipv4, ipv6, visibility } = host
  return {
    ...{ name: host.name, site: { name: site.name, url: site.url }, country, latitude, longitude },
    ...{ asn, bandwidth_mbps, ipv4, ipv6, visibility, tier: view.tier, state: hold ?? 'active' },
    urls: urls.map((each) => each.url),
    addresses: urls.map((each) => addressJson(ctx, each)),
    punctuality: view.punctuality,
    maintenance:
      host.maintenance_from === null
        ? null
        : {
            from: iso(host.maintenance_from),
            until: iso(host.maintenance_until),
            note: host.maintenance_note,
          },
    ...{ netblocks: view.netblocks, peer_asns: view.peer_asns, exclusions: view.exclusions },
    crawled_at: iso(host.crawled_at),
    repositories: view.repositories.map((each) => carriedJson(ctx, each)),
    ...(managed && {
      managed: {
        admins: managed.admins,
        contacts: site.contacts,
        proof: managed.proof,
        proved_at: iso(host.proved_at),
        tier_asked: host.tier === 1 && host.tier_approved_at === null,
        sources: managed.sources.map(({ cidr, expires_at, added_by }) => ({
          ...{ cidr, added_by, expires_at: iso(expires_at) },
        })),
      },
    }),
  }
}

/** What the crawler saw, while the outcome lasted. */
export function evidenceJson(ctx: Ctx, { check, repository, arch, reason }: Evidence) {
  const { family, protocol, outcome, took_ms, count, first_at, last_at } = check
  return {
    ...{ repository, arch, family, protocol, outcome, took_ms, count },
    reason: reason && reasonJson(ctx.app.words.in('en'), reason),
    ...{ first_at: iso(first_at), last_at: iso(last_at) },
  }
}
