/**
 * What lies in the published tree and is not for everyone yet. Whoever holds something back takes the right to
 * read it from others (chmod o-rx); rsync, nginx and FTP daemons, which are not its owner, then refuse it. The
 * portal runs as the owner, so it looks at the modes itself, of the file and of every folder above it.
 */
import { constants, type Dirent, type Stats } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { SECOND_MS } from '../kernel/clock.ts'
import { dataPath } from '../kernel/config.ts'
import type { App } from '../kernel/context.ts'

const { S_IFMT, S_IFDIR } = constants
const OTHERS_READ = 0o004
const OTHERS_ENTER = 0o001

/**
 * Whether everyone may read a file, or list a folder.
 * @param root the published tree
 * @param path in it, by links or not; what leads out of it is nobody's, and what is not there is held back by nobody
 */
export async function isOpen(root: string, path: string): Promise<boolean> {
  const [top, real] = await Promise.all([
    realpath(root).catch(ifGone),
    realpath(path).catch(ifGone),
  ])
  if (top === undefined || real === undefined) return true
  // Both ways to it: a folder that is held back may hold links to what lies elsewhere.
  const [asked, lies] = [relative(root, path), relative(top, real)]
  if (asked.startsWith('..') || lies.startsWith('..')) return false
  return (await isOpenBelow(root, asked)) && (asked === lies || (await isOpenBelow(top, lies)))
}

async function isOpenBelow(root: string, path: string): Promise<boolean> {
  const parts = ['', ...path.split(sep)]
  for (const at of parts.keys()) {
    const found = await stat(join(root, ...parts.slice(0, at + 1))).catch(ifGone)
    if (found && !isForOthers(found, at === parts.length - 1)) return false
  }
  return true
}

/** Which of a folder's entries are for everyone, where the folder is. */
export async function openEntries(
  root: string,
  folder: string,
  entries: readonly Dirent[],
): Promise<Dirent[]> {
  const open: Dirent[] = []
  for (const entry of entries) {
    const path = join(folder, entry.name)
    // What a link leads to lies below folders of its own.
    const found = entry.isSymbolicLink() ? undefined : await stat(path).catch(ifGone)
    if (found ? isForOthers(found, true) : await isOpen(root, path)) open.push(entry)
  }
  return open
}

function isForOthers({ mode }: Stats, asked: boolean): boolean {
  if (asked && (mode & OTHERS_READ) === 0) return false
  return (mode & S_IFMT) !== S_IFDIR || (mode & OTHERS_ENTER) !== 0
}

/** What isn't there is nothing to hold back; any other fault is one. */
function ifGone(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
}

const KEPT_MS = 30 * SECOND_MS
const KNOWN_MAX = 10_000
const known = new Map<string, { at: number; open: boolean }>()

/** The same for a path under /pub, asked again every half minute: for lists that are made often. */
export async function isPublic(app: App, path: string): Promise<boolean> {
  const root = dataPath(app.config, 'pub')
  const file = join(root, path)
  const now = app.clock.now()
  const before = known.get(file)
  if (before && Math.abs(now - before.at) < KEPT_MS) return before.open
  const open = await isOpen(root, file)
  if (known.size >= KNOWN_MAX) known.clear()
  known.set(file, { at: now, open })
  return open
}
