/**
 * `fullfiletimelist-<category>`: what a mirror compares with, so that it need not walk the master's tree.
 * The format is that of Fedora's quick-fedora-mirror: `[Version]`, `[Files]` with time, type, size and path
 * by tab, checksums, `[End]`. Pure.
 */

export type EntryType = 'f' | 'd' | 'l'

export interface Entry {
  /** Seconds since the epoch. */
  mtime_s: number
  type: EntryType
  size_bytes: number
  /** Under the category's folder, without a slash at its beginning. */
  path: string
}

export interface Listing {
  entries: Entry[]
  /** SHA-256 of some files, by path: metadata by which a mirror can tell that it is right. */
  checksums: ReadonlyMap<string, string>
}

export const listName = (category: string) => `fullfiletimelist-${category}`

/** A folder's name that can be a category, a path that can be an entry: nothing that leads elsewhere. */
export const isCategory = (name: string) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/

export function isPlainPath(path: string): boolean {
  if (path === '' || path.length > 1000 || CONTROL.test(path)) return false
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}

export function writeListing({ entries, checksums }: Listing): string {
  const files = entries.map(
    ({ mtime_s, type, size_bytes, path }) => `${mtime_s}\t${type}\t${size_bytes}\t${path}\n`,
  )
  const sums = Array.from(checksums, ([path, sha256]) => `${sha256}\t${path}\n`)
  return `[Version]\n2\n\n[Files]\n${files.join('')}\n[Checksums SHA256]\n${sums.join('')}\n[End]\n`
}

/** @throws Error that names the line: a list that is cut, of another version, or leads out of its folder */
export function readListing(text: string): Listing {
  const lines = text.split('\n')
  const fault = (at: number, what: string) => new Error(`line ${at + 1}: ${what}`)
  if (!text.endsWith('\n[End]\n')) throw fault(lines.length - 1, 'the list is cut: it has no [End]')
  const entries: Entry[] = []
  const checksums = new Map<string, string>()
  let section = ''
  for (const [at, line] of lines.entries()) {
    if (/^\[.*\]$/.test(line)) section = line
    else if (line === '') continue
    else if (section === '[Version]') {
      if (line !== '2') throw fault(at, `version ${line} is not 2`)
    } else if (section === '[Files]') entries.push(entryOf(line, (what) => fault(at, what)))
    else if (section === '[Checksums SHA256]') {
      const [, sha256, path] = /^([0-9a-f]{64})\t(.+)$/.exec(line) ?? []
      if (sha256 === undefined || path === undefined) throw fault(at, 'is no checksum')
      checksums.set(path, sha256)
    }
  }
  return { entries, checksums }
}

function entryOf(line: string, fault: (what: string) => Error): Entry {
  const [, mtime = '', kind, size = '', path = ''] = /^(\d+)\t(\S+)\t(\d+)\t(.*)$/.exec(line) ?? []
  // Other lists mark unreadable ones f- and f*, d- and so on: those are not for us.
  const type = (['f', 'd', 'l'] as const).find((each) => each === kind)
  if (!type) throw fault('is no entry of time, type, size and path')
  if (!isPlainPath(path))
    throw fault(`the path leads elsewhere: ${JSON.stringify(path.slice(0, 100))}`)
  return { mtime_s: Number(mtime), type, size_bytes: Number(size), path }
}
