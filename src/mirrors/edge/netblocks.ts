/**
 * Which mirrors' netblocks hold an address: nested networks are laid out flat as disjoint intervals, each
 * with its mirrors from the most specific network to the widest. A look-up is one binary search, so its
 * cost grows with the logarithm of the netblocks. Pure.
 */
import { type Address, compareWords, type Network } from './address.ts'

export interface Netblock extends Network {
  /** Index of the mirror in the snapshot. */
  mirror: number
}

/** Intervals of one family: `starts[i]` up to the next start belongs to `sets[owner[i]]`; 0 is nobody. */
export interface IntervalTable {
  /** Words of the starts, one array a word: 1 for IPv4, 4 for IPv6. */
  starts: Uint32Array[]
  owner: Uint32Array
}

export interface NetblockIndex {
  v4: IntervalTable
  v6: IntervalTable
  /** Mirrors of an interval, most specific network first. The first set is empty. */
  sets: number[][]
}

const byPlace = (a: Netblock, b: Netblock) => compareWords(a.first, b.first) || a.bits - b.bits

/** The address after the last of a network, or undefined at the end of all addresses. */
function after(words: number[]): number[] | undefined {
  const next = [...words]
  for (let at = next.length - 1; at >= 0; at--) {
    if ((next[at] ?? 0) < 0xffffffff) {
      next[at] = (next[at] ?? 0) + 1
      return next
    }
    next[at] = 0
  }
  return undefined
}

/** Sets of mirrors, each kept once. */
class SetTable {
  readonly sets: number[][] = [[]]
  private readonly known = new Map<string, number>([['', 0]])

  /** @param mirrors outermost first, as on the stack of open networks */
  idOf(mirrors: number[]): number {
    const inner = [...new Set(mirrors.toReversed())]
    const key = inner.join(',')
    let id = this.known.get(key)
    if (id === undefined) {
      id = this.sets.length
      this.sets.push(inner)
      this.known.set(key, id)
    }
    return id
  }
}

/**
 * Networks are nested or apart, never half across each other; so a stack of the open ones is enough to
 * walk them in the order of their first addresses.
 */
function flatten(blocks: Netblock[], words: number, table: SetTable): IntervalTable {
  const sorted = blocks.sort(byPlace)
  const starts = Array.from({ length: words }, () => new Uint32Array(sorted.length * 2 + 1))
  const owner = new Uint32Array(sorted.length * 2 + 1)
  const open: Netblock[] = []
  let count = 0
  const mark = (at: number[]) => {
    const last = count - 1
    const same = last >= 0 && starts.every((word, w) => word[last] === at[w])
    const place = same ? last : count++
    for (const [w, word] of starts.entries()) word[place] = at[w] ?? 0
    owner[place] = table.idOf(open.map((each) => each.mirror))
  }
  const closeUntil = (at: number[] | undefined) => {
    for (let top = open.at(-1); top && (!at || compareWords(top.last, at) < 0); top = open.at(-1)) {
      open.pop()
      const next = after(top.last)
      if (next) mark(next)
    }
  }
  mark(new Array(words).fill(0))
  for (const block of sorted) {
    closeUntil(block.first)
    open.push(block)
    mark(block.first)
  }
  closeUntil(undefined)
  return { starts: starts.map((word) => word.slice(0, count)), owner: owner.slice(0, count) }
}

export function buildNetblockIndex(blocks: Netblock[]): NetblockIndex {
  const table = new SetTable()
  const of = (family: 4 | 6) => blocks.filter((block) => block.family === family)
  const v4 = flatten(of(4), 1, table)
  const v6 = flatten(of(6), 4, table)
  return { v4, v6, sets: table.sets }
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

/** Mirrors whose netblocks hold the address, most specific network first. */
export function mirrorsAt(index: NetblockIndex, address: Address): number[] {
  const table = address.family === 4 ? index.v4 : index.v6
  if (table.owner.length === 0) return []
  return index.sets[table.owner[search(table.starts, address.words)] ?? 0] ?? []
}
