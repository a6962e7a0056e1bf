/** What of a plan is not on disk yet, and packages that are here already under another path. */
import { join } from 'node:path'
import type { Entry, Listing } from '../listing.ts'
import { isThere, linkFile } from './disk.ts'

/** Looks at once; a disk answers best when it is asked for several things. */
const AT_ONCE = 64

/** Entries that are not on disk as the list says. */
export async function missingOf(root: string, entries: readonly Entry[]): Promise<Entry[]> {
  const missing: Entry[] = []
  for (let at = 0; at < entries.length; at += AT_ONCE) {
    const some = entries.slice(at, at + AT_ONCE)
    const there = await Promise.all(some.map((each) => isThere(root, each)))
    missing.push(...some.filter((_, place) => !there[place]))
  }
  return missing
}

const twinKey = ({ path, size_bytes, mtime_s }: Entry) =>
  `${path.slice(path.lastIndexOf('/') + 1)}\t${size_bytes}\t${mtime_s}`

/**
 * A package that goes from testing to stable is one file at the source: here too, it gets a second name and
 * is not fetched again. Only packages: their names are never used twice.
 */
export async function linkTwins(
  root: string,
  before: Listing | undefined,
  content: readonly Entry[],
): Promise<void> {
  if (!before) return
  const known = new Map<string, Entry>()
  for (const entry of before.entries)
    if (entry.type === 'f' && entry.path.endsWith('.rpm')) known.set(twinKey(entry), entry)
  for (const entry of content) {
    const twin = entry.type === 'f' ? known.get(twinKey(entry)) : undefined
    if (!twin || twin.path === entry.path || (await isThere(root, entry))) continue
    if (await isThere(root, twin)) await linkFile(join(root, twin.path), join(root, entry.path))
  }
}
