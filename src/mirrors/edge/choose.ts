/**
 * Which mirrors an asker gets, in which order, and why: netblock, then the same network (ASN), then the
 * country, then the nearest. Within a group the order is drawn, weighted by bandwidth, with a cap on each
 * mirror's share so that one never takes a continent. Pure but for the randomness that is given.
 */
import type { Address } from './address.ts'
import { distanceKm, type Place, placeOfCountry } from './geo.ts'
import { mirrorsAt } from './netblocks.ts'
import { type MirrorState, mirrorStates, type Snapshot } from './snapshot.ts'

export type Rule = 'netblock' | 'asn' | 'country' | 'nearest'

/** At most so many mirrors in an answer. */
export const LIST_MAX = 25
/** Nearer mirrors of other countries fill a list up to this, so that a client can go on when some fail. */
export const LIST_FILL = 10
/** No mirror is first for more than this share of a group, however fat its line. */
export const SHARE_MAX = 0.3

/**
 * Groups that are kept for the next asker, some hundred bytes each. All askers of 350 repositories in 75 countries
 * need half as many; whoever asks for every country over every mix of protocols would need millions.
 */
export const GROUPS_MAX = 100_000

export interface Asker {
  address: Address | undefined
  country: string | undefined
  asn: number | undefined
  /** Countries that the asker named in place of its own; `global` is an empty list. */
  countries: string[] | undefined
  /** Bits of `protocolBits`; all of them where the asker named none. */
  protocols: number
}

export const protocolBits = { https: 1, http: 2, rsync: 4, ftp: 8 } as const

export interface Chosen {
  /** Index of the mirror in the snapshot. */
  mirror: number
  rule: Rule
}

/** What can be served to one family and set of protocols for a repository: made once, used often. */
interface Pool {
  /** 1 where the mirror may serve this repository to this kind of asker. */
  able: Uint8Array
  byCountry: Map<string, Group>
}

interface Group {
  mirrors: number[]
  weights: number[]
  /** Sums of the weights up to and with each: for a draw by binary search. */
  sums: number[]
}

const NOBODY: Group = { mirrors: [], weights: [], sums: [] }

/** Shares in proportion to bandwidth, none above SHARE_MAX while there are enough others to take it. */
export function cappedWeights(bandwidths_mbps: number[]): number[] {
  const cap = Math.max(SHARE_MAX, 1 / Math.max(1, bandwidths_mbps.length))
  const capped = new Set<number>()
  let weights: number[] = []
  for (;;) {
    const rest = bandwidths_mbps.reduce((sum, each, at) => (capped.has(at) ? sum : sum + each), 0)
    const free = Math.max(0, 1 - capped.size * cap)
    weights = bandwidths_mbps.map((each, at) =>
      capped.has(at) ? cap : rest === 0 ? 0 : (free * each) / rest,
    )
    const over = weights.findIndex((weight, at) => weight > cap + 1e-9 && !capped.has(at))
    if (over < 0) return weights
    capped.add(over)
  }
}

const familyOf = (address: Address | undefined) => address?.family ?? 0

export class Chooser {
  private readonly snapshot: Snapshot
  private readonly protocols: Uint8Array
  private readonly byAsn = new Map<number, number[]>()
  private readonly pools = new Map<number, Pool>()
  /** Groups in the pools. */
  groups = 0
  private readonly places: (Place | undefined)[]
  private readonly byCountry = new Map<string, number[]>()
  /** All public mirrors by distance from a country, made when it first asks. */
  private readonly nearest = new Map<string, number[]>()
  private everywhere: Group | undefined
  /** For each mirror the last turn that took it: a set that empties by counting on. */
  private readonly taken: Uint32Array
  private turn = 0

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot
    const { mirrors } = snapshot
    this.taken = new Uint32Array(mirrors.length)
    this.protocols = Uint8Array.from(mirrors, ({ urls }) =>
      urls.reduce((bits, { protocol }) => bits | protocolBits[protocol], 0),
    )
    this.places = mirrors.map(({ latitude, longitude, country }) =>
      latitude !== null && longitude !== null ? [latitude, longitude] : placeOfCountry(country),
    )
    for (const [at, mirror] of mirrors.entries())
      if (!mirror.private)
        this.byCountry.set(mirror.country, [...(this.byCountry.get(mirror.country) ?? []), at])
    for (const [at, mirror] of mirrors.entries())
      for (const asn of new Set([mirror.asn, ...mirror.peer_asns]))
        if (asn !== null) this.byAsn.set(asn, [...(this.byAsn.get(asn) ?? []), at])
  }

  stateOf(repository: number, mirror: number): MirrorState {
    const { states, mirrors } = this.snapshot
    return mirrorStates[states[repository * mirrors.length + mirror] ?? 0] ?? 'unknown'
  }

  /** Whether a mirror has the repository, reaches the asker's family, and speaks one of the protocols. */
  private isAble(repository: number, at: number, family: number, protocols: number): boolean {
    const mirror = this.snapshot.mirrors[at]
    if (!mirror || ((this.protocols[at] ?? 0) & protocols) === 0) return false
    const state = this.stateOf(repository, at)
    const v4 = mirror.ipv4 && (state === 'fresh' || state === 'fresh-ipv4')
    const v6 = mirror.ipv6 && (state === 'fresh' || state === 'fresh-ipv6')
    if (family === 4) return v4
    return family === 6 ? v6 : v4 || v6
  }

  private pool(repository: number, family: number, protocols: number): Pool {
    const key = (repository * 7 + family) * 16 + protocols
    const known = this.pools.get(key)
    if (known) return known
    const { mirrors } = this.snapshot
    const able = Uint8Array.from(mirrors, (_, at) =>
      this.isAble(repository, at, family, protocols) ? 1 : 0,
    )
    const pool: Pool = { able, byCountry: new Map() }
    this.pools.set(key, pool)
    return pool
  }

  private group(mirrors: number[]): Group {
    const bandwidth = (at: number) => Math.max(1, this.snapshot.mirrors[at]?.bandwidth_mbps ?? 1)
    const weights = cappedWeights(mirrors.map(bandwidth))
    let sum = 0
    const sums = weights.map((weight) => {
      sum += weight
      return sum
    })
    return { mirrors, weights, sums }
  }

  private inCountry(pool: Pool, country: string): Group {
    const known = pool.byCountry.get(country)
    if (known) return known
    const all = this.byCountry.get(country)
    if (!all) return NOBODY
    if (this.groups >= GROUPS_MAX) {
      this.pools.clear()
      this.groups = 0
    }
    const group = this.group(all.filter((at) => pool.able[at] === 1))
    pool.byCountry.set(country, group)
    this.groups++
    return group
  }

  private nearestTo(country: string, from: Place): number[] {
    let order = this.nearest.get(country)
    if (!order) {
      const far = (at: number) => {
        const place = this.places[at]
        return place ? distanceKm(from, place) : Number.POSITIVE_INFINITY
      }
      const measured = [...this.byCountry.values()].flat().map((at) => ({ at, km: far(at) }))
      order = measured.sort((a, b) => a.km - b.km).map(({ at }) => at)
      this.nearest.set(country, order)
    }
    return order
  }

  /** Mirrors of everywhere, for an asker of whom nobody knows where it is. */
  private drawEverywhere(random: () => number): number[] {
    this.everywhere ??= this.group([...this.byCountry.values()].flat())
    return draw(this.everywhere, random, LIST_MAX * 2)
  }

  private nextTurn(): number {
    this.turn = (this.turn + 1) >>> 0
    if (this.turn === 0) {
      this.taken.fill(0)
      this.turn = 1
    }
    return this.turn
  }

  /** @param random gives numbers from 0 up to 1 */
  choose(repository: number, asker: Asker, random: () => number): Chosen[] {
    const { address, protocols } = asker
    const pool = this.pool(repository, familyOf(address), protocols)
    const chosen: Chosen[] = []
    const { taken } = this
    const turn = this.nextTurn()
    const take = (mirrors: Iterable<number>, rule: Rule, most: number) => {
      for (const mirror of mirrors) {
        if (chosen.length >= most) return
        if (taken[mirror] === turn || pool.able[mirror] !== 1) continue
        taken[mirror] = turn
        chosen.push({ mirror, rule })
      }
    }
    if (address && !asker.countries) {
      take(mirrorsAt(this.snapshot.netblocks, address), 'netblock', LIST_MAX)
      const peers = asker.asn === undefined ? undefined : this.byAsn.get(asker.asn)
      if (peers) take(draw(this.group(peers), random, LIST_MAX), 'asn', LIST_MAX)
    }
    const countries = asker.countries ?? (asker.country === undefined ? [] : [asker.country])
    for (const country of countries)
      take(draw(this.inCountry(pool, country), random, LIST_MAX), 'country', LIST_MAX)
    const [home] = countries
    const place = home === undefined ? undefined : placeOfCountry(home)
    if (home !== undefined && place) take(this.nearestTo(home, place), 'nearest', LIST_FILL)
    else {
      take(this.drawEverywhere(random), 'nearest', LIST_MAX)
      if (this.everywhere) take(this.everywhere.mirrors, 'nearest', LIST_FILL)
    }
    return chosen
  }
}

/**
 * Up to `most` of a group in an order drawn by weight, without doubles. A small group is drawn whole: each
 * mirror gets a key -ln(u)/w, smallest first (Efraimidis and Spirakis). Of a large one a few are picked by
 * binary search in the sums, so that the cost grows with the logarithm of the group.
 */
export function draw(
  { mirrors, weights, sums }: Group,
  random: () => number,
  most: number,
): number[] {
  const count = mirrors.length
  if (count < 2) return mirrors
  if (count > 2 * most) return pickFew(mirrors, sums, random, most)
  // Insertion: so few are sorted faster than a comparator is called.
  const keys: number[] = []
  const order: number[] = []
  for (let at = 0; at < count; at++) {
    const key = -Math.log(1 - random()) / Math.max(1e-9, weights[at] ?? 0)
    let place = at
    for (; place > 0 && (keys[place - 1] ?? 0) > key; place--) {
      keys[place] = keys[place - 1] ?? 0
      order[place] = order[place - 1] ?? 0
    }
    keys[place] = key
    order[place] = mirrors[at] ?? 0
  }
  return order
}

function pickFew(mirrors: number[], sums: number[], random: () => number, most: number): number[] {
  const picked = new Set<number>()
  const total = sums.at(-1) ?? 0
  // A mirror that is picked twice is passed over; so many tries are enough, and bounded.
  for (let tries = 0; picked.size < most && tries < most * 8; tries++) {
    const wanted = random() * total
    let low = 0
    let high = sums.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sums[middle] ?? 0) > wanted) high = middle
      else low = middle + 1
    }
    picked.add(mirrors[low] ?? 0)
  }
  return [...picked]
}
