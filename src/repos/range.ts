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

export type Part =
  | { status: 200; start: 0; end: number }
  | { status: 206; start: number; end: number }
  | { status: 304 }
  | { status: 416 }

const whole = ({ size_bytes }: FileVersion): Part => ({
  status: 200,
  start: 0,
  end: size_bytes - 1,
})

/** Several ranges at once, other units and what can't be read get the whole: a server may (14.2). */
export function partOf(file: FileVersion, asked: Conditions): Part {
  if (isKnown(file, asked)) return { status: 304 }
  if (asked.range === undefined || !isSame(file, asked.if_range)) return whole(file)
  const found = /^bytes=(\d*)-(\d*)$/i.exec(asked.range.replaceAll(' ', ''))
  const [, from = '', to = ''] = found ?? []
  if (from === '' && to === '') return whole(file)
  if (from !== '' && to !== '' && Number(to) < Number(from)) return whole(file)
  const last = file.size_bytes - 1
  const start = from === '' ? Math.max(0, file.size_bytes - Number(to)) : Number(from)
  const end = from === '' || to === '' ? last : Math.min(Number(to), last)
  if (start > last || end < start) return { status: 416 }
  return { status: 206, start, end }
}

/** A part may be sent only of the version that the client has begun with (13.1.5). */
function isSame(file: FileVersion, if_range: string | undefined): boolean {
  return if_range === undefined || if_range === file.etag || if_range === file.last_modified
}

/** Whether the client has this version already; a tag, where there is one, decides (13.2.2). */
function isKnown(file: FileVersion, asked: Conditions): boolean {
  if (asked.if_none_match !== undefined)
    return asked.if_none_match
      .split(/\s*,\s*/)
      .some((each) => each === '*' || each.replace(/^W\//, '') === file.etag)
  const since = Date.parse(asked.if_modified_since ?? '')
  return Date.parse(file.last_modified) <= since
}
