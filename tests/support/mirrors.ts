/** Made-up mirrors, repositories and netblocks in any number, the same in every run of one seed. */
import ipaddr from 'ipaddr.js'
import { networkOf } from '../../src/mirrors/edge/address.ts'
import {
  buildNetblockIndex,
  type Netblock,
  netblockTable,
} from '../../src/mirrors/edge/netblocks.ts'
import type {
  Snapshot,
  SnapshotMirror,
  SnapshotRepository,
} from '../../src/mirrors/edge/snapshot.ts'

export interface Sizes {
  mirrors: number
  countries: number
  repositories: number
  netblocks: number
}

/** A small generator (mulberry32) that is quick enough for a million networks. */
export function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Countries with many mirrors first, as in life. */
export const COUNTRIES =
  'US DE FR GB CN JP BR RU NL SE IN CA AU IT ES PL CZ CH AT BE DK NO FI PT GR HU RO BG UA TR ZA EG KE NG MA TN IL AE SA QA IR IQ PK BD LK NP TH VN MY SG ID PH KR TW HK MN KZ UZ GE AM AZ BY LT LV EE IS IE SK SI HR RS MX AR CL CO PE EC UY NZ FJ'.split(
    ' ',
  )

function makeMirror(at: number, sizes: Sizes, random: () => number): SnapshotMirror {
  const name = `mirror${at}.example.net`
  const both = random() < 0.7
  return {
    name,
    country: COUNTRIES[Math.floor(random() ** 2 * sizes.countries)] ?? 'US',
    latitude: null,
    longitude: null,
    asn: 1000 + Math.floor(random() * 400),
    peer_asns: [],
    bandwidth_mbps: [100, 1000, 10_000][Math.floor(random() * 3)] ?? 100,
    private: random() < 0.05,
    ipv4: both || random() < 0.9,
    ipv6: both || random() < 0.3,
    urls: [
      { protocol: 'https', url: `https://${name}/keel/` },
      { protocol: 'http', url: `http://${name}/keel/` },
      { protocol: 'rsync', url: `rsync://${name}/keel/` },
    ],
  }
}

function makeRepository(at: number, random: () => number): SnapshotRepository {
  const digest = (digits: number) =>
    Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('')
  const file = (age_s: number) => ({
    timestamp_s: 1_790_000_000 - age_s,
    size_bytes: 3000 + Math.floor(random() * 1000),
    hashes: { md5: digest(32), sha1: digest(40), sha256: digest(64), sha512: digest(128) },
  })
  return {
    name: `repo${at}-10`,
    arch: 'x86_64',
    path: `keel/10/Repo${at}/x86_64/os`,
    current: file(0),
    alternates: [file(3600), file(7200)],
  }
}

/** Lengths of prefixes in about the shares that they have in the global routing tables. */
const LENGTHS_V4 = [24, 24, 24, 24, 24, 24, 23, 22, 22, 21, 20, 20, 19, 18, 16, 14]
const LENGTHS_V6 = [48, 48, 48, 48, 48, 48, 44, 40, 36, 36, 32, 32, 32, 29]

export function makeNetblock(sizes: Sizes, random: () => number): Netblock {
  const mirror = Math.floor(random() * sizes.mirrors)
  const word = () => Math.floor(random() * 4294967296) >>> 0
  const oneOf = (lengths: number[]) => lengths[Math.floor(random() * lengths.length)] ?? 24
  if (random() < 0.75) return { ...networkOf([word()], oneOf(LENGTHS_V4)), mirror }
  const words = [(0x20000000 | (word() >>> 4)) >>> 0, word(), 0, 0]
  return { ...networkOf(words, oneOf(LENGTHS_V6)), mirror }
}

/** In CIDR notation. */
export function writeNetblock({ family, first, bits }: Netblock): string {
  const bytes = first.flatMap((word) => [
    word >>> 24,
    (word >>> 16) & 255,
    (word >>> 8) & 255,
    word & 255,
  ])
  const text = family === 4 ? bytes.join('.') : ipaddr.fromByteArray(bytes).toString()
  return `${text}/${bits}`
}

export function makeSnapshot(sizes: Sizes, seed = 1): Snapshot {
  const random = numbers(seed)
  const mirrors = Array.from({ length: sizes.mirrors }, (_, at) => makeMirror(at, sizes, random))
  const repositories = Array.from({ length: sizes.repositories }, (_, at) =>
    makeRepository(at, random),
  )
  const states = Uint8Array.from({ length: sizes.mirrors * sizes.repositories }, () =>
    random() < 0.85 ? 1 : 4 + Math.floor(random() * 9),
  )
  const blocks = Array.from({ length: sizes.netblocks }, () => makeNetblock(sizes, random))
  return {
    ...{
      made_at: 1_790_000_000_000,
      generator: 'slipway',
      mirrors,
      repositories,
      states,
      files: [],
    },
    netblocks: buildNetblockIndex(netblockTable(blocks, 4), netblockTable(blocks, 6)),
  }
}
