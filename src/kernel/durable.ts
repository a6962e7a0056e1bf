/**
 * Files that a row relies on: whole under their name, and there after a loss of power. A file's bytes, each new
 * folder on its way, and the folder that names it are flushed before anybody is told. What is temporary has a
 * name of its own, so that two programs never write to the same one.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

/** Flushes a file's bytes, or a folder's names, to disk. */
export async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Flushes all files and folders of a tree, names last, so that the tree's own name can follow. */
export async function flushTree(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error) => {
    // A single file is a tree too.
    if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') throw error
    return []
  })
  for (const each of entries)
    if (each.isDirectory() || each.isFile())
      await flushTree(join(path, each.name)).catch((error) => {
        // What is gone in the meantime has nothing to keep.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      })
  await flush(path)
}

/** Folders that this program has seen flushed by name, with all above them. */
const named = new Set<string>()
/** Forgotten beyond so many, at the cost of flushing some again. */
const NAMED_KEPT = 10_000

/**
 * Makes a folder and those above it; their names are on disk. One that is there already may be of a program that was
 * killed before it flushed, or be made at this moment by another: its names are flushed too, once in a program.
 */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  const made = await mkdir(path, { recursive: true, ...(mode !== undefined && { mode }) })
  if (named.size > NAMED_KEPT) named.clear()
  const seen: string[] = []
  for (let at = resolve(path); dirname(at) !== at; at = dirname(at)) {
    const isNew = made !== undefined && at.startsWith(made)
    if (!isNew && named.has(at)) break
    if (!(await flushNames(dirname(at)))) break
    seen.push(at)
  }
  for (const each of seen) named.add(each)
}

/** @returns false for a folder that this program may not read: so it is not one that it has made */
async function flushNames(folder: string): Promise<boolean> {
  try {
    await flush(folder)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error
    return false
  }
}

/** A name beside a path that nobody else uses. It ends in `.part`: such names are not served, and purged. */
export const partOf = (path: string) => `${path}.${randomBytes(8).toString('hex')}.part`

/** Moves a file or folder to its name; its bytes have to be flushed, see `flush`. */
export async function moveDurably(from: string, to: string): Promise<void> {
  await rename(from, to)
  await flush(dirname(to))
}

/** Replaces or makes a file. @param mode of the file, whoever was there before */
export async function writeDurably(
  path: string,
  content: string | Uint8Array,
  mode?: number,
): Promise<void> {
  await makeFolder(dirname(path))
  const part = partOf(path)
  try {
    await writeFile(part, content, { flush: true, flag: 'wx', ...(mode !== undefined && { mode }) })
    await moveDurably(part, path)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}
