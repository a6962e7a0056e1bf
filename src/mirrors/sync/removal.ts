/** Removes what no list names any more, after a time in which clients finish what they began. */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Listing, listName } from '../listing.ts'
import { pathsUnder, removePath } from './disk.ts'
import type { Category } from './sync.ts'

/** More than this share at once is more likely a broken list than a cleaned-up tree. */
const SHARE_MAX = 0.5
/** Of fewer files than this any share may go. */
const FEW = 100

/** Path -> when it was first seen not to be on the list, milliseconds since the epoch. */
type Doomed = Record<string, number>

/** @throws Error when so much would go that someone should look first */
export async function removeGone(category: Category, next: Listing): Promise<void> {
  const { root, state, name, options } = category
  const file = join(state, 'gone.json')
  const before = await readDoomed(file)
  const now = options.now()
  const listed = new Set(next.entries.map((entry) => entry.path))
  const strays = (await pathsUnder(root)).filter(
    (path) => !listed.has(path) && path !== listName(name),
  )
  const doomed: Doomed = Object.fromEntries(strays.map((path) => [path, before[path] ?? now]))
  await writeFile(`${file}.part`, JSON.stringify(doomed))
  await rename(`${file}.part`, file)
  const over = strays.filter((path) => now - (doomed[path] ?? now) >= options.grace_ms)
  if (over.length > FEW && over.length > SHARE_MAX * listed.size && !options.force_removal)
    throw new Error(
      `${name}: ${over.length} of ${listed.size + over.length} paths would be removed. If that is right, run it with --force-removal.`,
    )
  // What is in a folder comes after it, so from the end folders are empty when their turn comes.
  for (const path of over.reverse()) await removePath(join(root, path))
  if (over.length > 0) options.say(`${name}: ${over.length} removed`)
}

async function readDoomed(file: string): Promise<Doomed> {
  const text = await readFile(file, 'utf8').catch(() => '{}')
  try {
    return JSON.parse(text) as Doomed
  } catch {
    return {}
  }
}
