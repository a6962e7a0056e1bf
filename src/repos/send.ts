/** One file as an answer: whole or a part, with what clients need to go on where they stopped. */
import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { getMimeType } from 'hono/utils/mime'
import type { HttpContext } from '../kernel/http.ts'
import { type FileVersion, type Part, partOf } from './range.ts'

const CHUNK_BYTES = 256 * 1024

const TEXT = 'text/plain; charset=utf-8'
const types: Record<string, string> = {
  torrent: 'application/x-bittorrent',
  meta4: 'application/metalink4+xml',
  zsync: 'application/x-zsync',
  iso: 'application/vnd.efi.iso',
  rpm: 'application/x-rpm',
  asc: TEXT,
  treeinfo: TEXT,
  discinfo: TEXT,
  repo: TEXT,
  SHA256SUMS: TEXT,
}

function typeOf(path: string): string {
  const name = path.split('/').at(-1) ?? ''
  return types[name.split('.').at(-1) ?? ''] ?? getMimeType(name) ?? 'application/octet-stream'
}

/**
 * @param path of a file
 * @returns undefined where there is no such file
 */
export async function sendFile(
  c: HttpContext,
  path: string,
  cache_control: string,
): Promise<Response | undefined> {
  // Opened before it is looked at: a name that is switched in between still gives one file's bytes.
  const file = await open(path).catch(() => undefined)
  let body: Readable | undefined
  try {
    const found = await file?.stat({ bigint: true })
    if (!file || !found?.isFile()) return undefined
    const version: FileVersion = {
      size_bytes: Number(found.size),
      etag: `"${[found.ino, found.size, found.mtimeNs].map((each) => each.toString(36)).join('-')}"`,
      last_modified: found.mtime.toUTCString(),
    }
    const part = asked(c, version)
    const headers = { ...headersOf(version, part, path), 'Cache-Control': cache_control }
    body = c.req.method === 'HEAD' ? undefined : read(file, part)
    if (!body) return c.body(null, part.status, headers)
    return c.body(Readable.toWeb(body) as ReadableStream, part.status as 200, headers)
  } finally {
    // A stream that reads closes it at its end.
    if (!body) await file?.close()
  }
}

function asked(c: HttpContext, version: FileVersion): Part {
  return partOf(version, {
    range: c.req.method === 'GET' ? c.req.header('Range') : undefined,
    if_range: c.req.header('If-Range'),
    if_none_match: c.req.header('If-None-Match'),
    if_modified_since: c.req.header('If-Modified-Since'),
  })
}

function read(file: FileHandle, part: Part): Readable | undefined {
  if (!('start' in part) || part.end < part.start) return undefined
  const { start, end } = part
  return file.createReadStream({ start, end, highWaterMark: CHUNK_BYTES })
}

function headersOf(version: FileVersion, part: Part, path: string): Record<string, string> {
  const { size_bytes, etag, last_modified } = version
  const common = { ETag: etag, 'Last-Modified': last_modified, 'Accept-Ranges': 'bytes' }
  if (part.status === 304) return common
  if (part.status === 416) return { ...common, 'Content-Range': `bytes */${size_bytes}` }
  const { start, end } = part
  return {
    ...common,
    'Content-Type': typeOf(path),
    'Content-Length': String(end - start + 1),
    ...(part.status === 206 && { 'Content-Range': `bytes ${start}-${end}/${size_bytes}` }),
  }
}
