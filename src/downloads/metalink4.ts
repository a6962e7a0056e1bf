/** Metalink 4 (RFC 5854) of an image: digests of the whole and of pieces, and where it is to be had. Pure. */
import { create } from 'xmlbuilder2'

export interface MetalinkUrl {
  url: string
  /** Two-letter country, where it is known. */
  location: string | undefined
}

export interface MetalinkFile {
  generator: string
  /** Seconds since the epoch. */
  published_s: number
  filename: string
  /** What it is: Keel Linux 10. */
  identity: string
  version: string
  size_bytes: number
  sha256: string
  pieces: { length_bytes: number; sha256: string[] }
  /** Best first. */
  urls: MetalinkUrl[]
}

const NAMESPACE = 'urn:ietf:params:xml:ns:metalink'

export function renderMetalink4(file: MetalinkFile): string {
  const root = create({ version: '1.0', encoding: 'UTF-8' }).ele(NAMESPACE, 'metalink')
  root.ele('generator').txt(file.generator)
  root.ele('published').txt(new Date(file.published_s * 1000).toISOString())
  const entry = root.ele('file', { name: file.filename })
  entry.ele('identity').txt(file.identity)
  entry.ele('version').txt(file.version)
  entry.ele('size').txt(String(file.size_bytes))
  entry.ele('hash', { type: 'sha-256' }).txt(file.sha256)
  const { length_bytes, sha256 } = file.pieces
  const pieces = entry.ele('pieces', { type: 'sha-256', length: String(length_bytes) })
  for (const digest of sha256) pieces.ele('hash').txt(digest)
  addUrls(entry, file.urls)
  return root.end({ prettyPrint: true })
}

type Xml = ReturnType<typeof create>

function addUrls(entry: Xml, urls: MetalinkUrl[]): void {
  for (const [at, { url, location }] of urls.entries())
    entry
      .ele('url', {
        ...(location && { location: location.toLowerCase() }),
        priority: String(at + 1),
      })
      .txt(url)
}

/** The same metalink with other addresses. */
export function withUrls(metalink: string, urls: MetalinkUrl[]): string {
  const document = create(metalink)
  const entry = document.root().find((node) => node.node.nodeName === 'file')
  if (!entry) throw new Error('a metalink has no file')
  for (const old of entry.filter((node) => node.node.nodeName === 'url')) old.remove()
  addUrls(entry, urls)
  return document.end({ prettyPrint: true })
}

const PIECE_BYTES = 1024 * 1024
const PIECES_MAX = 4096

/** A power of two, so that there are no more than some thousand pieces. */
export function pieceLength(size_bytes: number): number {
  let length = PIECE_BYTES
  while (size_bytes / length > PIECES_MAX) length *= 2
  return length
}
