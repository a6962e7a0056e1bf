/**
 * Which mirrors' netblocks hold an address: nested networks are laid out flat as disjoint intervals, each
 * with its mirrors from the most specific network to the widest. A look-up is one binary search, so its
 * cost grows with the logarithm of the netblocks. Pure; numbers in typed arrays, for there are a million.
 */
import type { Address } from './address.ts'

/** Netblocks of one family, column by column. */
export interface NetblockTable {
  /** Words of the first addresses, one array a word: 1 for IPv4, 4 for IPv6. */
  first: Uint32Array[]
  /** Length of the prefix. */
  bits: Uint8Array
  /** Index of the mirror in the snapshot. */
  mirror: Uint16Array
}

/** Intervals of one family: what begins at `starts[i]` belongs to the set `owner[i]`; 0 is nobody. */
export interface IntervalTable {
  starts: Uint32Array[]
  owner: Uint32Array
}

export interface NetblockIndex {
  v4: IntervalTable
  v6: IntervalTable
  /** Set n is members[offsets[n]] up to offsets[n + 1]: mirrors, most specific network first. Set 0 is empty. */
  offsets: Uint32Array
  members: Uint16Array
}

/** More mirrors than a list holds are never asked for. */
const SET_MAX = 25

/** Sets of mirrors, each kept once. */
class SetTable {
  private readonly offsets = [0, 0]
  private readonly members: number[] = []
  private readonly known = new Map<string, number>([['', 0]])

  /** @param open mirrors of the networks that hold the place, outermost first */
  idOf(open: number[]): number {
    const inner: number[] = []
    for (let at = open.length - 1; at >= 0 && inner.length < SET_MAX; at--) {
      const mirror = open[at] ?? 0
      if (!inner.includes(mirror)) inner.push(mirror)
    }
    const key = String.fromCharCode(...inner)
    let id = this.known.get(key)
    if (id === undefined) {
      id = this.offsets.length - 1
      for (const mirror of inner) this.members.push(mirror)
      this.offsets.push(this.members.length)
      this.known.set(key, id)
    }
    return id
  }

  finish(): Pick<NetblockIndex, 'offsets' | 'members'> {
    return { offsets: Uint32Array.from(this.offsets), members: Uint16Array.from(this.members) }
  }
}

/** One counting pass of a radix sort: `order` by 16 bits of a column, stable. */
function sortPass(order: Uint32Array, key: (row: number) => number): Uint32Array {
  const counts = new Uint32Array(65537)
  for (const row of order) counts[key(row) + 1] = (counts[key(row) + 1] ?? 0) + 1
  if (counts.some((count) => count === order.length)) return order
  for (let value = 0; value < 65536; value++)
    counts[value + 1] = (counts[value + 1] ?? 0) + (counts[value] ?? 0)
  const sorted = new Uint32Array(order.length)
  for (const row of order) {
    const place = counts[key(row)] ?? 0
    sorted[place] = row
    counts[key(row)] = place + 1
  }
  return sorted
}

/** Rows by first address, wider networks before narrower ones. */
function sortRows(table: NetblockTable): Uint32Array {
  let order: Uint32Array = Uint32Array.from(table.bits.keys())
  order = sortPass(order, (row) => table.bits[row] ?? 0)
  for (const word of table.first.toReversed()) {
    order = sortPass(order, (row) => (word[row] ?? 0) & 0xffff)
    order = sortPass(order, (row) => (word[row] ?? 0) >>> 16)
  }
  return order
}

/** Walks networks in order; those that hold the place are a stack, since they are nested or apart. */
class Flattener {
  private readonly table: NetblockTable
  private readonly sets: SetTable
  private readonly starts: Uint32Array[]
  private readonly owner: Uint32Array
  private count = 0
  private readonly open: number[] = []
  private readonly openMirrors: number[] = []

  constructor(table: NetblockTable, sets: SetTable) {
    const most = table.bits.length * 2 + 1
    this.table = table
    this.sets = sets
    this.starts = table.first.map(() => new Uint32Array(most))
    this.owner = new Uint32Array(most)
  }

  run(): IntervalTable {
    this.mark(this.table.first.map(() => 0))
    for (const row of sortRows(this.table)) {
      const first = this.table.first.map((word) => word[row] ?? 0)
      this.closeBefore(first)
      this.open.push(row)
      this.openMirrors.push(this.table.mirror[row] ?? 0)
      this.mark(first)
    }
    this.closeBefore(undefined)
    return {
      starts: this.starts.map((word) => word.slice(0, this.count)),
      owner: this.owner.slice(0, this.count),
    }
  }

  /** Begins an interval here, or changes the one that begins here. */
  private mark(at: number[]): void {
    const last = this.count - 1
    const same = last >= 0 && this.starts.every((word, w) => word[last] === at[w])
    const place = same ? last : this.count++
    for (const [w, word] of this.starts.entries()) word[place] = at[w] ?? 0
    this.owner[place] = this.sets.idOf(this.openMirrors)
  }

  /** Closes the networks that end before an address, or all. */
  private closeBefore(at: number[] | undefined): void {
    for (let row = this.open.at(-1); row !== undefined; row = this.open.at(-1)) {
      const next = this.after(row)
      if (at && next && isBefore(at, next)) return
      if (at && !next) return
      this.open.pop()
      this.openMirrors.pop()
      if (next) this.mark(next)
    }
  }

  /** The address after the last of a network; undefined at the end of all addresses. */
  private after(row: number): number[] | undefined {
    const words = this.table.first.map((word) => word[row] ?? 0)
    const bits = this.table.bits[row] ?? 0
    if (bits === 0) return undefined
    let at = (bits - 1) >>> 5
    let step = 2 ** (32 - (bits - at * 32))
    for (; at >= 0; at--) {
      const sum = (words[at] ?? 0) + step
      words[at] = sum >>> 0
      if (sum < 2 ** 32) return words
      step = 1
    }
    return undefined
  }
}

function isBefore(a: number[], b: number[]): boolean {
  for (let w = 0; w < a.length; w++) if (a[w] !== b[w]) return (a[w] ?? 0) < (b[w] ?? 0)
  return false
}

export function buildNetblockIndex(v4: NetblockTable, v6: NetblockTable): NetblockIndex {
  const sets = new SetTable()
  const flat4 = new Flattener(v4, sets).run()
  const flat6 = new Flattener(v6, sets).run()
  return { v4: flat4, v6: flat6, ...sets.finish() }
}

/** Place of the last start that is not after the address. */
function search(starts: Uint32Array[], words: number[]): number {
  let low = 0
  let high = (starts[0]?.length ?? 0) - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (isAfter(starts, middle, words)) high = middle - 1
    else low = middle
  }
  return low
}

function isAfter(starts: Uint32Array[], place: number, words: number[]): boolean {
  for (let w = 0; w < starts.length; w++) {
    const start = starts[w]?.[place] ?? 0
    const word = words[w] ?? 0
    if (start !== word) return start > word
  }
  return false
}

/** Mirrors whose netblocks hold the address, most specific network first; a view, not to be changed. */
export function mirrorsAt(index: NetblockIndex, address: Address): Uint16Array {
  const table = address.family === 4 ? index.v4 : index.v6
  const set = table.owner[search(table.starts, address.words)] ?? 0
  return index.members.subarray(index.offsets[set], index.offsets[set + 1])
}

/** Netblocks as rows, for few of them: tests and mirrors' own forms. */
export interface Netblock {
  family: 4 | 6
  first: number[]
  bits: number
  mirror: number
}

/** Columns of the netblocks of one family. */
export function netblockTable(blocks: Netblock[], family: 4 | 6): NetblockTable {
  const rows = blocks.filter((block) => block.family === family)
  const words = family === 4 ? 1 : 4
  return {
    first: Array.from({ length: words }, (_, w) =>
      Uint32Array.from(rows, (row) => row.first[w] ?? 0),
    ),
    bits: Uint8Array.from(rows, (row) => row.bits),
    mirror: Uint16Array.from(rows, (row) => row.mirror),
  }
}
