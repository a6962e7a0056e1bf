/**
 * The snapshot: all that an answer needs, immutable, in one file that the worker makes and edges fetch.
 * Layout: a line of magic, a line with the length of the JSON in bytes, the JSON, then the sections that
 * the JSON names (numbers in little-endian), each at a multiple of 8. Pure.
 */
import type { RepomdFile } from '../metalink.ts'
import type { NetblockIndex } from './netblocks.ts'

export interface SnapshotMirror {
  /** Host name. */
  name: string
  country: string
  latitude: number | null
  longitude: number | null
  asn: number | null
  peer_asns: number[]
  bandwidth_mbps: number
  private: boolean
  ipv4: boolean
  ipv6: boolean
  /** Where the tree begins, best protocol first, each with a slash at its end. */
  urls: { protocol: 'https' | 'http' | 'rsync' | 'ftp'; url: string }[]
}

export interface SnapshotRepository {
  name: string
  arch: string
  /** Under the tree's beginning. */
  path: string
  current: RepomdFile
  alternates: RepomdFile[]
}

/** Why a mirror is in or out for a repository; the index in this list is what `states` holds. */
export const mirrorStates = [
  'unknown',
  'fresh',
  'fresh-ipv4',
  'fresh-ipv6',
  'stale',
  'missing',
  'corrupt',
  'down',
  'slow',
  'excluded',
  'maintenance',
  'paused',
  'unproved',
] as const
export type MirrorState = (typeof mirrorStates)[number]

export interface Snapshot {
  /** Milliseconds since the epoch. */
  made_at: number
  generator: string
  mirrors: SnapshotMirror[]
  repositories: SnapshotRepository[]
  /** Paths of single files under the tree's beginning, such as images. */
  files: string[]
  /**
   * State of mirror m for repository r at r * mirrors.length + m, an index in `mirrorStates`. Files follow the
   * repositories, as if each were one more.
   */
  states: Uint8Array
  netblocks: NetblockIndex
}

const MAGIC = 'SLIPWAY-MIRRORS 2'
const ALIGN_BYTES = 8
const NONE: Uint32Array = new Uint32Array()

interface Header {
  made_at: number
  generator: string
  mirrors: SnapshotMirror[]
  repositories: SnapshotRepository[]
  /** Absent in snapshots of earlier portals. */
  files?: string[]
  /** Length of each section in elements, in the order of `sectionsOf`. */
  lengths: number[]
}

type Section = Uint8Array | Uint16Array | Uint32Array

/** Bytes of an element: states, mirrors of both families' networks, then tables of 32-bit words. */
const ELEMENT_BYTES = [1, 2, 2]

function sectionsOf({ states, netblocks: { v4, v6 } }: Snapshot): Section[] {
  const words = [v4.owner, v4.outer, ...v4.starts, v6.owner, v6.outer, ...v6.starts]
  return [states, v4.mirror, v6.mirror, ...words]
}

const aligned = (bytes: number) => Math.ceil(bytes / ALIGN_BYTES) * ALIGN_BYTES

export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const { made_at, generator, mirrors, repositories, files } = snapshot
  const sections = sectionsOf(snapshot)
  const lengths = sections.map((section) => section.length)
  const header: Header = { made_at, generator, mirrors, repositories, files, lengths }
  const json = Buffer.from(JSON.stringify(header))
  const head = Buffer.from(`${MAGIC}\n${json.length}\n`)
  let size = aligned(head.length + json.length)
  for (const section of sections) size += aligned(section.byteLength)
  const file = new Uint8Array(size)
  file.set(head, 0)
  file.set(json, head.length)
  let at = aligned(head.length + json.length)
  for (const section of sections) {
    file.set(new Uint8Array(section.buffer, section.byteOffset, section.byteLength), at)
    at += aligned(section.byteLength)
  }
  return file
}

/** @throws Error when the bytes are no snapshot of this version, or are cut */
export function decodeSnapshot(file: Uint8Array): Snapshot {
  // Sections are views on the buffer, so it must begin at a multiple of 8.
  const bytes = file.byteOffset % ALIGN_BYTES === 0 ? file : file.slice()
  const head = Buffer.from(bytes.subarray(0, 64)).toString('latin1').split('\n')
  if (head[0] !== MAGIC) throw new Error('This is no mirror snapshot of this version.')
  const json_bytes = Number(head[1])
  const json_at = MAGIC.length + (head[1]?.length ?? 0) + 2
  const header = JSON.parse(
    Buffer.from(bytes.subarray(json_at, json_at + json_bytes)).toString('utf8'),
  ) as Header
  let at = aligned(json_at + json_bytes)
  const sections = header.lengths.map((length, section) => {
    const size = length * (ELEMENT_BYTES[section] ?? 4)
    if (at + size > bytes.byteLength) throw new Error('The mirror snapshot is cut.')
    const place = bytes.byteOffset + at
    at += aligned(size)
    return viewOf(section, bytes.buffer, place, length)
  })
  return assemble(header, sections)
}

function viewOf(section: number, buffer: ArrayBufferLike, place: number, length: number): Section {
  if (section === 0) return new Uint8Array(buffer, place, length)
  if (ELEMENT_BYTES[section] === 2) return new Uint16Array(buffer, place, length)
  return new Uint32Array(buffer, place, length)
}

function assemble(header: Header, sections: Section[]): Snapshot {
  const [states, v4mirror, v6mirror, ...words] = sections
  const { made_at, generator, mirrors, repositories, files = [] } = header
  const [v4owner, v4outer, v4start, v6owner, v6outer, ...v6starts] = words as Uint32Array[]
  const table = (owner = NONE, outer = NONE, starts: Uint32Array[] = [], mirror?: Section) => ({
    ...{ owner, outer, starts, mirror: mirror as Uint16Array },
  })
  return {
    ...{ made_at, generator, mirrors, repositories, files },
    states: states as Uint8Array,
    netblocks: {
      v4: table(v4owner, v4outer, v4start && [v4start], v4mirror),
      v6: table(v6owner, v6outer, v6starts, v6mirror),
    },
  }
}
