/** Mirrors: who they are, what they carry, what the crawler saw, and what was answered. */
import {
  bool,
  id,
  index,
  int,
  json,
  primaryKey,
  real,
  table,
  text,
  time,
  unique,
} from '../columns.ts'

/** An organisation that runs mirrors. */
export const mirror_site = table(
  'mirror_site',
  {
    id: id(),
    name: text().notNull(),
    url: text().notNull().default(''),
    /** For the mirror team only: addresses that letters about faults go to. */
    contacts: json<string[]>().notNull(),
    created_at: time().notNull(),
  },
  (t) => [unique('mirror_site_name').on(t.name)],
)

export const mirror_admin = table(
  'mirror_admin',
  { site_id: int().notNull(), person_id: int().notNull(), added_at: time().notNull() },
  (t) => [
    primaryKey({ columns: [t.site_id, t.person_id] }),
    index('mirror_admin_person').on(t.person_id),
  ],
)

export const mirror_host = table(
  'mirror_host',
  {
    id: id(),
    site_id: int().notNull(),
    /** Host name, as people know the mirror. */
    name: text().notNull(),
    /** ISO 3166-1 alpha-2, upper case. */
    country: text().notNull(),
    latitude: real(),
    longitude: real(),
    asn: int(),
    bandwidth_mbps: int().notNull(),
    /** 1 pulls from the master, 2 from tier 1. */
    tier: int().notNull().default(2),
    /** Set when the mirror team has agreed to tier 1. */
    tier_approved_at: time(),
    ipv4: bool().notNull().default(true),
    ipv6: bool().notNull().default(true),
    /** Private mirrors are for their netblocks and peer ASNs only. */
    visibility: text<'public' | 'private'>().notNull().default('public'),
    state: text<'new' | 'active' | 'paused' | 'retired'>().notNull().default('new'),
    /** What a file on the mirror must hold to prove control of it. */
    proof_token: text().notNull(),
    proved_at: time(),
    maintenance_from: time(),
    maintenance_until: time(),
    maintenance_note: text().notNull().default(''),
    /** When the crawler was last through with it. */
    crawled_at: time(),
    created_at: time().notNull(),
    modified_at: time().notNull(),
  },
  (t) => [unique('mirror_host_name').on(t.name), index('mirror_host_site').on(t.site_id)],
)

/** Networks whose clients this mirror serves first. CIDR, IPv4 or IPv6. */
export const mirror_netblock = table(
  'mirror_netblock',
  { id: id(), host_id: int().notNull(), cidr: text().notNull() },
  (t) => [unique('mirror_netblock_pair').on(t.host_id, t.cidr)],
)

export const mirror_peer_asn = table(
  'mirror_peer_asn',
  { host_id: int().notNull(), asn: int().notNull() },
  (t) => [primaryKey({ columns: [t.host_id, t.asn] })],
)

/** Addresses from which a tier-1 mirror pulls; the master's daemon lets in no other. */
export const mirror_source = table(
  'mirror_source',
  {
    id: id(),
    host_id: int().notNull(),
    cidr: text().notNull(),
    expires_at: time(),
    added_by: text().notNull(),
    added_at: time().notNull(),
  },
  (t) => [unique('mirror_source_pair').on(t.host_id, t.cidr)],
)

/** Where the tree begins on a mirror, by protocol: what stands under /pub here stands under it there. */
export const mirror_url = table(
  'mirror_url',
  {
    id: id(),
    host_id: int().notNull(),
    protocol: text<'https' | 'http' | 'rsync' | 'ftp'>().notNull(),
    /** With a slash at its end. */
    url: text().notNull(),
    /** Whether clients are told of it, as the last checks of this address left it. */
    listed: bool().notNull().default(true),
    outcome: text(),
    reason: json<{ code: string; params: Record<string, string | number> }>(),
    failures: int().notNull().default(0),
    failing_since: time(),
    checked_at: time(),
    fresh_at: time(),
  },
  (t) => [unique('mirror_url_pair').on(t.host_id, t.protocol)],
)

/** What a mirror does not carry; null means any. */
export const mirror_exclusion = table(
  'mirror_exclusion',
  { id: id(), host_id: int().notNull(), release: text(), arch: text(), repository: text() },
  (t) => [index('mirror_exclusion_host').on(t.host_id)],
)

/** State of one repository on one mirror, as the last checks left it. */
export const mirror_repository = table(
  'mirror_repository',
  {
    host_id: int().notNull(),
    repository_id: int().notNull(),
    /** By which families it is offered: bits FRESH_IPV4 and FRESH_IPV6 of src/mirrors/crawl.ts. */
    fresh: int().notNull(),
    outcome: text().notNull(),
    reason: json<{ code: string; params: Record<string, string | number> }>(),
    /** Generation whose repomd.xml the mirror has, 0 for none of ours. */
    generation_id: int().notNull().default(0),
    failures: int().notNull().default(0),
    /** Since when it fails, for hysteresis. */
    failing_since: time(),
    listed: bool().notNull().default(false),
    etag: text(),
    checked_at: time().notNull(),
    fresh_at: time(),
  },
  (t) => [
    primaryKey({ columns: [t.host_id, t.repository_id] }),
    index('mirror_repository_repository').on(t.repository_id),
  ],
)

/** A file that mirrors were asked for by name, and who has it whole. */
export const mirrored_file = table('mirrored_file', {
  /** Under the tree's beginning. */
  path: text().primaryKey(),
  host_ids: json<number[]>().notNull(),
  looked_at: time().notNull(),
})

/** Evidence of checks, kept a year: one row when an outcome changes, and a count while it does not. */
export const mirror_check = table(
  'mirror_check',
  {
    id: id(),
    host_id: int().notNull(),
    repository_id: int().notNull(),
    family: int().notNull(),
    /** Of the address that was looked at. */
    protocol: text().notNull().default('http'),
    outcome: text().notNull(),
    /** Why, as JSON of a reason (code and params); empty when all was well. */
    detail: text().notNull(),
    took_ms: int().notNull(),
    first_at: time().notNull(),
    last_at: time().notNull(),
    count: int().notNull(),
  },
  (t) => [index('mirror_check_host').on(t.host_id, t.id), index('mirror_check_last').on(t.last_at)],
)

/** When a mirror was first seen with all that a push brought for it. */
export const mirror_arrival = table(
  'mirror_arrival',
  { push_id: int().notNull(), host_id: int().notNull(), seen_at: time().notNull() },
  (t) => [
    primaryKey({ columns: [t.push_id, t.host_id] }),
    index('mirror_arrival_host').on(t.host_id, t.seen_at),
  ],
)

/** countme, without addresses: how many clients said so in a week. */
export const countme = table(
  'countme',
  {
    /** Monday of the week, YYYY-MM-DD, UTC. */
    week: text().notNull(),
    repository: text().notNull(),
    arch: text().notNull(),
    /** 1 to 4: installed for <2, <5, <25, ≥25 weeks. */
    bucket: int().notNull(),
    count: int().notNull(),
  },
  (t) => [primaryKey({ columns: [t.week, t.repository, t.arch, t.bucket] })],
)

/** How many lists were answered, by day and country. */
export const mirror_answer = table(
  'mirror_answer',
  {
    day: text().notNull(),
    repository: text().notNull(),
    country: text().notNull(),
    count: int().notNull(),
  },
  (t) => [primaryKey({ columns: [t.day, t.repository, t.country] })],
)
