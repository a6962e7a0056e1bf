/**
 * The snapshot made from the database, kept as a file that edges fetch and the web answers from. The portal
 * itself is in it as the mirror that always has everything.
 */

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { and, asc, eq, inArray, ne } from 'drizzle-orm'
import { mirror_host, mirror_peer_asn, mirror_url } from '../../db/schema/mirrors.ts'
import { dataPath } from '../kernel/config.ts'
import type { App } from '../kernel/context.ts'
import { writeDurably } from '../kernel/durable.ts'
import { isPublic } from '../repos/embargo.ts'
import {
  listRepositories,
  publishedGenerations,
  type RepositoryRow,
} from '../repos/repositories.ts'
import {
  encodeSnapshot,
  type MirrorState,
  mirrorStates,
  type Snapshot,
  type SnapshotMirror,
  type SnapshotRepository,
} from './edge/snapshot.ts'
import { mirroredFiles } from './files.ts'
import { netblockIndexOf } from './netblock-cache.ts'
import { type HostStates, statesOfHosts } from './state-cache.ts'

const ALTERNATES_MAX = 4
const PROTOCOL_ORDER = ['https', 'http', 'ftp', 'rsync']

export const snapshotFile = (app: App) => dataPath(app.config, 'mirrors', 'snapshot')

type HostRow = typeof mirror_host.$inferSelect

/** The portal's own tree, for whoever no mirror serves. */
function ownMirror(app: App): SnapshotMirror {
  const url = `${app.config.url}/pub/`
  return {
    ...{ name: new URL(url).hostname, country: '', latitude: null, longitude: null, asn: null },
    ...{ peer_asns: [], bandwidth_mbps: 1, private: false, ipv4: true, ipv6: true },
    urls: [{ protocol: url.startsWith('https:') ? 'https' : 'http', url }],
  }
}

async function repositoriesOf(
  app: App,
): Promise<{ rows: RepositoryRow[]; facts: SnapshotRepository[] }> {
  const rows: RepositoryRow[] = []
  const facts: SnapshotRepository[] = []
  for (const row of await listRepositories(app.db)) {
    const [current, ...alternates] = await publishedGenerations(app.db, row.id, ALTERNATES_MAX + 1)
    const { name, arch, path } = row
    // What is held back is offered nowhere.
    if (!current || !(await isPublic(app, `${path}/repodata/repomd.xml`))) continue
    rows.push(row)
    facts.push({ name, arch, path, current, alternates })
  }
  return { rows, facts }
}

/** Why a host serves nothing at all, whatever it has; undefined when nothing stands against it. */
function hostState(row: HostRow, now: number): MirrorState | undefined {
  if (row.state === 'paused') return 'paused'
  if (row.proved_at === null || row.state !== 'active') return 'unproved'
  const { maintenance_from: from, maintenance_until: until } = row
  return from !== null && from <= now && (until === null || now < until) ? 'maintenance' : undefined
}

/** Everything an edge needs, as the database has it now. */
export async function makeSnapshot(app: App): Promise<Snapshot> {
  const { db, clock } = app
  const hosts = await db
    .select()
    .from(mirror_host)
    .where(ne(mirror_host.state, 'retired'))
    .orderBy(asc(mirror_host.id))
  const ids = hosts.map((host) => host.id)
  const urls = await db
    .select()
    .from(mirror_url)
    .where(and(inArray(mirror_url.host_id, ids), eq(mirror_url.listed, true)))
  const peers = await db.select().from(mirror_peer_asn).where(inArray(mirror_peer_asn.host_id, ids))
  const states = await statesOfHosts(app, hosts)
  const { rows, facts } = await repositoriesOf(app)
  const files = await mirroredFiles(db)
  const open = await Promise.all(files.map(({ path }) => isPublic(app, path)))
  const own = ownMirror(app)
  const mirrors = hosts.map((host) => ({
    ...host,
    country: host.country,
    peer_asns: peers.filter((peer) => peer.host_id === host.id).map((peer) => peer.asn),
    private: host.visibility === 'private',
    urls: urls
      .filter((url) => url.host_id === host.id)
      .sort((a, b) => PROTOCOL_ORDER.indexOf(a.protocol) - PROTOCOL_ORDER.indexOf(b.protocol))
      .map(({ protocol, url }) => ({ protocol, url })),
  }))
  const now = clock.now()
  return {
    made_at: now,
    generator: 'slipway',
    mirrors: [...mirrors.map(publicFacts), own],
    repositories: facts,
    // Positions are kept: states of mirrors refer to them. Nobody can ask for a file without a name.
    files: files.map(({ path }, at) => (open[at] ? path : '')),
    states: cellsOf(
      hosts,
      [...rows.map(stateOfRepository(states)), ...files.map(stateOfFile)],
      now,
    ),
    netblocks: await netblockIndexOf(app, hosts),
  }
}

/** How one thing stands on a host, by the host's id. */
type StateOn = (host_id: number) => MirrorState

const stateOfRepository =
  (states: ReadonlyMap<number, HostStates>) =>
  ({ id }: RepositoryRow): StateOn =>
  (host_id) =>
    states.get(host_id)?.get(id) ?? 'unknown'

const stateOfFile =
  ({ host_ids }: { host_ids: readonly number[] }): StateOn =>
  (host_id) =>
    host_ids.includes(host_id) ? 'fresh' : 'missing'

/**
 * A cell for each mirror and each repository or file; the last column is this portal itself, which has
 * everything.
 */
function cellsOf(hosts: readonly HostRow[], things: readonly StateOn[], now: number): Uint8Array {
  const columns = hosts.length + 1
  const cells = new Uint8Array(things.length * columns)
  const numbers = new Map(mirrorStates.map((state, number) => [state, number]))
  for (const [at, host] of hosts.entries()) {
    const held = hostState(host, now)
    for (const [row, stateOn] of things.entries())
      cells[row * columns + at] = numbers.get(held ?? stateOn(host.id)) ?? 0
  }
  const fresh = numbers.get('fresh') ?? 0
  for (const row of things.keys()) cells[row * columns + hosts.length] = fresh
  return cells
}

/** Only what an answer needs leaves the portal: no proofs, no contacts. */
function publicFacts(mirror: SnapshotMirror): SnapshotMirror {
  const { name, country, latitude, longitude, asn, peer_asns, bandwidth_mbps } = mirror
  const { private: hidden, ipv4, ipv6, urls } = mirror
  return {
    ...{ name, country, latitude, longitude, asn, peer_asns, bandwidth_mbps },
    ...{ private: hidden, ipv4, ipv6, urls },
  }
}

/** All of a snapshot but the moment it was made: two with the same say the same. */
export function snapshotTag(snapshot: Snapshot): string {
  const bytes = encodeSnapshot({ ...snapshot, made_at: 0 })
  return createHash('sha256').update(bytes).digest('base64url').slice(0, 27)
}

let lastTag = ''

/** Writes the snapshot where it changed, or where it is a minute old: edges tell its age. */
export async function publishSnapshot(app: App, refresh_ms = 60_000): Promise<boolean> {
  const snapshot = await makeSnapshot(app)
  const tag = `${snapshotTag(snapshot)}.${Math.floor(snapshot.made_at / refresh_ms)}`
  if (tag === lastTag) return false
  await writeDurably(snapshotFile(app), encodeSnapshot(snapshot))
  lastTag = tag
  return true
}

/** The snapshot's bytes with their tag, or undefined before the first. */
export async function readSnapshot(app: App): Promise<{ bytes: Buffer; etag: string } | undefined> {
  const bytes = await readFile(snapshotFile(app)).catch(() => undefined)
  if (!bytes) return undefined
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 27)}"`
  return { bytes, etag }
}
