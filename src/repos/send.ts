/** One file as an answer: whole or a part, with what clients need to go on where they stopped. */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { getMimeType } from 'hono/utils/mime'
import type { HttpContext } from '../kernel/http.ts'
import { currentAnswer, drained } from '../kernel/outgoing.ts'
import { type FileVersion, type Part, partOf, type Range } from './range.ts'

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
  let body: ReadableStream | undefined
  try {
    const found = await file?.stat({ bigint: true })
    if (!file || !found?.isFile()) return undefined
    const version: FileVersion = {
      size_bytes: Number(found.size),
      etag: `"${[found.ino, found.size, found.mtimeNs].map((each) => each.toString(36)).join('-')}"`,
      last_modified: found.mtime.toUTCString(),
    }
    const part = asked(c, version)
    const type = typeOf(path)
    const frame = frameOf(version, part, type)
    const headers = { ...headersOf(version, part, type, frame), 'Cache-Control': cache_control }
    body = c.req.method === 'HEAD' ? undefined : read(file, part, frame)
    if (!body) return c.body(null, part.status, headers)
    return c.body(body, part.status as 200, headers)
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

/** The bytes of an answer, no faster than the client takes them; closes the file at the end. */
function read(file: FileHandle, part: Part, frame: Frame | undefined): ReadableStream | undefined {
  if (!('ranges' in part)) return undefined
  const [only] = part.ranges
  if (!only || only.end < only.start) return undefined
  const answer = currentAnswer()
  const chunks = frame ? framed(file, part.ranges, frame) : chunksOf(file, only)
  return new ReadableStream(
    {
      async pull(controller) {
        await drained(answer)
        const { value, done } = await chunks.next().catch(async (error: unknown) => {
          await file.close()
          throw error
        })
        if (!done) return controller.enqueue(value)
        await file.close()
        controller.close()
      },
      cancel: () => file.close(),
    },
    { highWaterMark: 0 },
  )
}

async function* chunksOf(file: FileHandle, { start, end }: Range): AsyncGenerator<Buffer> {
  for (let at = start; at <= end; ) {
    const wanted = Math.min(CHUNK_BYTES, end - at + 1)
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, at)
    if (bytesRead === 0) throw new Error('a file became shorter while it was sent')
    yield buffer.subarray(0, bytesRead)
    at += bytesRead
  }
}

/** How several ranges are sent in one body: a head before each, a line after the last (RFC 9110, 14.6). */
interface Frame {
  boundary: string
  heads: string[]
  tail: string
}

function frameOf(version: FileVersion, part: Part, type: string): Frame | undefined {
  if (part.status !== 206 || part.ranges.length < 2) return undefined
  const boundary = createHash('sha256').update(`slipway ${version.etag}`).digest('hex').slice(0, 40)
  const heads = part.ranges.map(
    ({ start, end }) =>
      `\r\n--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: bytes ${start}-${end}/${version.size_bytes}\r\n\r\n`,
  )
  return { boundary, heads, tail: `\r\n--${boundary}--\r\n` }
}

async function* framed(
  file: FileHandle,
  ranges: Range[],
  { heads, tail }: Frame,
): AsyncGenerator<Buffer> {
  for (const [at, range] of ranges.entries()) {
    yield Buffer.from(heads[at] ?? '')
    yield* chunksOf(file, range)
  }
  yield Buffer.from(tail)
}

function headersOf(
  version: FileVersion,
  part: Part,
  type: string,
  frame: Frame | undefined,
): Record<string, string> {
  const { size_bytes, etag, last_modified } = version
  const common = { ETag: etag, 'Last-Modified': last_modified, 'Accept-Ranges': 'bytes' }
  if (part.status === 304) return common
  if (part.status === 416) return { ...common, 'Content-Range': `bytes */${size_bytes}` }
  const bytes = part.ranges.reduce((sum, { start, end }) => sum + end - start + 1, 0)
  if (frame) {
    const length = [...frame.heads, frame.tail].join('').length + bytes
    return {
      ...common,
      'Content-Type': `multipart/byteranges; boundary=${frame.boundary}`,
      'Content-Length': String(length),
    }
  }
  const [only] = part.ranges
  const range = only && part.status === 206 && `bytes ${only.start}-${only.end}/${size_bytes}`
  return {
    ...common,
    'Content-Type': type,
    'Content-Length': String(bytes),
    ...(range && { 'Content-Range': range }),
  }
}
