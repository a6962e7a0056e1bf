/**
 * Which mirrors' netblocks hold an address: nested networks are laid out flat as disjoint intervals, each
 * with its most specific network, and each network knows the one around it. A look-up is one binary search and
 * a few steps outwards, so its cost grows with the logarithm of the netblocks. Pure; numbers in typed arrays, for there are a million.
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

/** Networks of one family laid out flat, and how they lie in each other. 0 is nobody, n is network n - 1. */
export interface IntervalTable {
  /** First addresses of the intervals, one array a word. */
  starts: Uint32Array[]
  /** The most specific network that holds an interval. */
  owner: Uint32Array
  /** For each network, the one that it lies in. */
  outer: Uint32Array
  /** For each network, its mirror: an index in the snapshot. */
  mirror: Uint16Array
}

export interface NetblockIndex {
  v4: IntervalTable
  v6: IntervalTable
}

/** More mirrors than a list holds are never asked for. */
const MOST = 25

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
  private readonly starts: Uint32Array[]
  private readonly owner: Uint32Array
  private count = 0
  /** Networks that hold the place, outermost first: rows of the table, and their numbers from 1. */
  private readonly open: number[] = []
  private readonly openNumbers: number[] = []

  constructor(table: NetblockTable) {
    const most = table.bits.length * 2 + 1
    this.table = table
    this.starts = table.first.map(() => new Uint32Array(most))
    this.owner = new Uint32Array(most)
  }

  run(): IntervalTable {
    const { first: columns, mirror } = this.table
    const outer = new Uint32Array(mirror.length)
    const mirrors = new Uint16Array(mirror.length)
    const first = columns.map(() => 0)
    this.mark(first)
    let number = 0
    for (const row of sortRows(this.table)) {
      for (let w = 0; w < first.length; w++) first[w] = columns[w]?.[row] ?? 0
      this.closeBefore(first)
      outer[number] = this.openNumbers.at(-1) ?? 0
      mirrors[number] = mirror[row] ?? 0
      this.open.push(row)
      this.openNumbers.push(++number)
      this.mark(first)
    }
    this.closeBefore(undefined)
    return {
      starts: this.starts.map((word) => word.slice(0, this.count)),
      owner: this.owner.slice(0, this.count),
      outer,
      mirror: mirrors,
    }
  }

  /** Begins an interval here, or changes the one that begins here. */
  private mark(at: readonly number[]): void {
    const place = this.beginsAt(at) ? this.count - 1 : this.count++
    for (let w = 0; w < at.length; w++) (this.starts[w] as Uint32Array)[place] = at[w] ?? 0
    this.owner[place] = this.openNumbers.at(-1) ?? 0
  }

  /** Whether the last interval begins there. */
  private beginsAt(at: readonly number[]): boolean {
    if (this.count === 0) return false
    for (let w = 0; w < at.length; w++) if (this.starts[w]?.[this.count - 1] !== at[w]) return false
    return true
  }

  /** Closes the networks that end before an address, or all. */
  private closeBefore(at: readonly number[] | undefined): void {
    for (let row = this.open.at(-1); row !== undefined; row = this.open.at(-1)) {
      const next = this.after(row)
      if (at && next && isBefore(at, next)) return
      if (at && !next) return
      this.open.pop()
      this.openNumbers.pop()
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

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  for (let w = 0; w < a.length; w++) if (a[w] !== b[w]) return (a[w] ?? 0) < (b[w] ?? 0)
  return false
}

export function buildNetblockIndex(v4: NetblockTable, v6: NetblockTable): NetblockIndex {
  return { v4: new Flattener(v4).run(), v6: new Flattener(v6).run() }
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

/** Mirrors whose netblocks hold the address, each once, most specific network first. */
export function mirrorsAt(index: NetblockIndex, address: Address): number[] {
  const table = address.family === 4 ? index.v4 : index.v6
  const found: number[] = []
  let network = table.owner[search(table.starts, address.words)] ?? 0
  while (network > 0 && found.length < MOST) {
    const mirror = table.mirror[network - 1] ?? 0
    if (!found.includes(mirror)) found.push(mirror)
    network = table.outer[network - 1] ?? 0
  }
  return found
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
