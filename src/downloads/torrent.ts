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

/** Keys and values of a .torrent file, which is one dictionary, as they are encoded. */
function entriesOf(torrent: Buffer): { key: string; value: Buffer }[] {
  const entries: { key: string; value: Buffer }[] = []
  for (let at = 1; at < torrent.length - 1; ) {
    const value = endOf(torrent, at)
    const end = endOf(torrent, value)
    entries.push({
      key: torrent.toString('latin1', at, value),
      value: torrent.subarray(value, end),
    })
    at = end
  }
  return entries
}

export function infoHash(torrent: Buffer): string {
  const info = entriesOf(torrent).find(({ key }) => key === '4:info')
  if (!info) throw new Error('a torrent has no info')
  return createHash('sha1').update(info.value).digest('hex')
}

/** The same torrent with other web seeds: its info, and so its hash, stays as it is. */
export function withWebSeeds(torrent: Buffer, web_seeds: string[]): Buffer {
  const list = web_seeds.map((each) => `${Buffer.byteLength(each)}:${each}`).join('')
  const entries = entriesOf(torrent).map(({ key, value }) =>
    Buffer.concat([Buffer.from(key), key === '8:url-list' ? Buffer.from(`l${list}e`) : value]),
  )
  return Buffer.concat([Buffer.from('d'), ...entries, Buffer.from('e')])
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
