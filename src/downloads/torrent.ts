/** Torrents with web seeds: whoever begins completes from the web alone, and peers take load off it. */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import createTorrent from 'create-torrent'

const create = promisify(createTorrent)

export interface TorrentInput {
  file: string
  name: string
  comment: string
  /** Seconds since the epoch. */
  source_date_s: number
  /** Addresses of the file (BEP 19). */
  web_seeds: string[]
  trackers: string[]
}

export interface Torrent {
  bytes: Buffer
  /** SHA-1 of its info dictionary, hexadecimal (BEP 3). */
  info_hash: string
}

/** The same file gives the same info hash, whatever the web seeds are. */
export async function makeTorrent(input: TorrentInput): Promise<Torrent> {
  const bytes = Buffer.from(
    await create(input.file, {
      ...{ name: input.name, comment: input.comment, createdBy: 'Slipway', private: false },
      creationDate: input.source_date_s * 1000,
      // Named even when empty: the library would take trackers of its own choice.
      announceList: input.trackers.map((tracker) => [tracker]),
      urlList: input.web_seeds,
    }),
  )
  return { bytes, info_hash: infoHash(bytes) }
}

/** Where a bencoded value ends (BEP 3). */
function endOf(bytes: Buffer, at: number): number {
  const kind = String.fromCharCode(bytes[at] ?? 0)
  if (kind === 'i') return bytes.indexOf('e', at) + 1
  if (kind === 'd' || kind === 'l') {
    let next = at + 1
    while (next < bytes.length && bytes[next] !== 0x65) next = endOf(bytes, next)
    return next + 1
  }
  const colon = bytes.indexOf(':', at)
  return colon + 1 + Number(bytes.toString('latin1', at, colon))
}

/** @param bytes a .torrent file: a dictionary with the key `info` */
export function infoHash(bytes: Buffer): string {
  for (let at = 1; at < bytes.length; ) {
    const value = endOf(bytes, at)
    const end = endOf(bytes, value)
    if (bytes.toString('latin1', at, value) === '4:info')
      return createHash('sha1').update(bytes.subarray(value, end)).digest('hex')
    at = end
  }
  throw new Error('a torrent has no info')
}

export interface MagnetInput {
  info_hash: string
  name: string
  size_bytes: number
  /** Address of the .torrent itself. */
  torrent_url: string
  web_seeds: string[]
  trackers: string[]
}

/** A magnet link: exact topic, name, length, then where torrent and content are to be had. */
export function magnetLink(input: MagnetInput): string {
  const fields = [
    `xt=urn:btih:${input.info_hash}`,
    `dn=${encodeURIComponent(input.name)}`,
    `xl=${input.size_bytes}`,
    ...input.trackers.map((each) => `tr=${encodeURIComponent(each)}`),
    `xs=${encodeURIComponent(input.torrent_url)}`,
    ...input.web_seeds.map((each) => `ws=${encodeURIComponent(each)}`),
  ]
  return `magnet:?${fields.join('&')}`
}
