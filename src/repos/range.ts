/** What part of a file a request means, by its headers (RFC 9110, 13 and 14). Pure. */

/** A file as conditional requests see it. */
export interface FileVersion {
  size_bytes: number
  /** Strong: other bytes have another. */
  etag: string
  /** An HTTP date. */
  last_modified: string
}

export interface Conditions {
  range: string | undefined
  if_range: string | undefined
  if_none_match: string | undefined
  if_modified_since: string | undefined
}

/** Offsets of the first byte and of the last. */
export interface Range {
  start: number
  end: number
}

export type Part =
  | { status: 200; ranges: [Range] }
  | { status: 206; ranges: Range[] }
  | { status: 304 }
  | { status: 416 }

const whole = ({ size_bytes }: FileVersion): Part => ({
  status: 200,
  ranges: [{ start: 0, end: size_bytes - 1 }],
})

/** zsync asks for some dozen at once; more would make many small readings of one request. */
const RANGES_MAX = 100

/**
 * Other units, what can't be read, and ranges that go back and forth or overlap get the whole: a server
 * may (14.2), and whoever asks so does it in error or to make work (17.15).
 */
export function partOf(file: FileVersion, asked: Conditions): Part {
  if (isKnown(file, asked)) return { status: 304 }
  if (asked.range === undefined || !isSame(file, asked.if_range)) return whole(file)
  const [, list] = /^bytes=(.*)$/i.exec(asked.range.replaceAll(/\s/g, '')) ?? []
  const written = list?.split(',') ?? []
  if (list === undefined || written.length > RANGES_MAX) return whole(file)
  const ranges: Range[] = []
  for (const each of written) {
    const range = readRange(each, file.size_bytes)
    if (range === undefined) return whole(file)
    if (range !== 'unsatisfiable') ranges.push(range)
  }
  if (ranges.length === 0) return { status: 416 }
  const isOrdered = ranges.every((each, at) => at === 0 || each.start > (ranges[at - 1]?.end ?? 0))
  return isOrdered ? { status: 206, ranges } : whole(file)
}

function readRange(written: string, size_bytes: number): Range | 'unsatisfiable' | undefined {
  const [, from = '', to = ''] = /^(\d*)-(\d*)$/.exec(written) ?? []
  if (from === '' && to === '') return undefined
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined
  const last = size_bytes - 1
  const start = from === '' ? Math.max(0, size_bytes - Number(to)) : Number(from)
  const end = from === '' || to === '' ? last : Math.min(Number(to), last)
  return start > last || end < start ? 'unsatisfiable' : { start, end }
}

/** A part may be sent only of the version that the client has begun with (13.1.5). */
function isSame(file: FileVersion, if_range: string | undefined): boolean {
  return if_range === undefined || if_range === file.etag || if_range === file.last_modified
}

/** Whether the client has this version already; a tag, where there is one, decides (13.2.2). */
function isKnown(file: FileVersion, asked: Conditions): boolean {
  if (asked.if_none_match !== undefined)
    return asked.if_none_match
      .split(',')
      .map((each) => each.trim())
      .some((each) => each === '*' || each.replace(/^W\//, '') === file.etag)
  const since = Date.parse(asked.if_modified_since ?? '')
  return Date.parse(file.last_modified) <= since
}
