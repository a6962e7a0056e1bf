/**
 * The index of all netblocks, made again only when a mirror changed, and then from what is in memory but for
 * the mirrors that did. There may be a million rows, and the snapshot is made every few seconds.
 */
import { asc, inArray } from 'drizzle-orm'
import { mirror_netblock } from '../../db/schema/mirrors.ts'
import { SECOND_MS } from '../kernel/clock.ts'
import type { App } from '../kernel/context.ts'
import { type Network, parseNetwork } from './edge/address.ts'
import { buildNetblockIndex, type NetblockIndex, type NetblockTable } from './edge/netblocks.ts'

/** Hosts whose rows are read in one query. */
const HOSTS_AT_ONCE = 50
/** A change within the same millisecond as the one that was read would look alike: so young ones are read again. */
const SETTLED_MS = SECOND_MS

interface HostBlocks {
  modified_at: number
  v4: NetblockTable
  v6: NetblockTable
}

interface Kept {
  hosts: Map<number, HostBlocks>
  /** The hosts that `index` was made of, in order. */
  ids: string
  index: NetblockIndex | undefined
}

const caches = new WeakMap<App['database'], Kept>()

/** Which host, and when somebody last changed anything about it. */
export interface NetblockHost {
  id: number
  modified_at: number
}

/** @param hosts in the order of the snapshot's mirrors */
export async function netblockIndexOf(
  app: App,
  hosts: readonly NetblockHost[],
): Promise<NetblockIndex> {
  const kept = caches.get(app.database) ?? { hosts: new Map(), ids: '', index: undefined }
  caches.set(app.database, kept)
  const changed = changedHosts(kept, hosts, app.clock.now())
  const ids = hosts.map(({ id }) => id).join()
  let same = kept.ids === ids
  for (let at = 0; at < changed.length; at += HOSTS_AT_ONCE)
    if (await readHosts(app, kept, changed.slice(at, at + HOSTS_AT_ONCE))) same = false
  if (kept.index && same) return kept.index
  const known = new Set(hosts.map(({ id }) => id))
  for (const id of kept.hosts.keys()) if (!known.has(id)) kept.hosts.delete(id)
  const blocks = hosts.map(({ id }) => kept.hosts.get(id))
  const v4 = blocks.map((each) => each?.v4)
  const v6 = blocks.map((each) => each?.v6)
  kept.ids = ids
  kept.index = buildNetblockIndex(joined(v4, 1), joined(v6, 4))
  return kept.index
}

function changedHosts(kept: Kept, hosts: readonly NetblockHost[], now: number): NetblockHost[] {
  return hosts.filter(
    ({ id, modified_at }) =>
      modified_at >= now - SETTLED_MS || kept.hosts.get(id)?.modified_at !== modified_at,
  )
}

/** @returns whether any network is another than before */
async function readHosts(app: App, kept: Kept, hosts: readonly NetblockHost[]): Promise<boolean> {
  const ids = hosts.map(({ id }) => id)
  const rows = await app.db
    .select({ host_id: mirror_netblock.host_id, cidr: mirror_netblock.cidr })
    .from(mirror_netblock)
    .where(inArray(mirror_netblock.host_id, ids))
    .orderBy(asc(mirror_netblock.id))
  const networks = new Map<number, Network[]>(ids.map((id) => [id, []]))
  for (const { host_id, cidr } of rows) {
    const network = parseNetwork(cidr)
    if (network) networks.get(host_id)?.push(network)
  }
  let differs = false
  for (const { id, modified_at } of hosts) {
    const all = networks.get(id) ?? []
    const read = { modified_at, v4: columns(all, 4), v6: columns(all, 6) }
    const before = kept.hosts.get(id)
    if (!before || !isSame(before.v4, read.v4) || !isSame(before.v6, read.v6)) differs = true
    kept.hosts.set(id, read)
  }
  return differs
}

function isSame(a: NetblockTable, b: NetblockTable): boolean {
  const equal = (x: Uint8Array | Uint32Array, y: Uint8Array | Uint32Array | undefined) =>
    x.length === y?.length && x.every((value, at) => value === y[at])
  return equal(a.bits, b.bits) && a.first.every((word, w) => equal(word, b.first[w]))
}

function columns(networks: readonly Network[], family: 4 | 6): NetblockTable {
  const own = networks.filter((each) => each.family === family)
  const first = Array.from({ length: family === 4 ? 1 : 4 }, (_, word) =>
    Uint32Array.from(own, (each) => each.first[word] ?? 0),
  )
  const bits = Uint8Array.from(own, (each) => each.bits)
  return { first, bits, mirror: new Uint16Array(own.length) }
}

/** One table of all hosts' tables; the place of a table is the index of its mirror. */
function joined(tables: readonly (NetblockTable | undefined)[], words: number): NetblockTable {
  const size = tables.reduce((sum, each) => sum + (each?.bits.length ?? 0), 0)
  const all: NetblockTable = {
    first: Array.from({ length: words }, () => new Uint32Array(size)),
    bits: new Uint8Array(size),
    mirror: new Uint16Array(size),
  }
  let at = 0
  for (const [mirror, table] of tables.entries()) {
    if (!table) continue
    for (const [word, column] of table.first.entries()) all.first[word]?.set(column, at)
    all.bits.set(table.bits, at)
    all.mirror.fill(mirror, at, at + table.bits.length)
    at += table.bits.length
  }
  return all
}
