/**
 * Files that a row relies on: whole under their name, and there after a loss of power. A file's bytes, each new
 * folder on its way, and the folder that names it are flushed before anybody is told. What is temporary has a
 * name of its own, so that two programs never write to the same one.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Flushes a file's bytes, or a folder's names, to disk. */
export async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes a folder and those above it; each new one's name is on disk. */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  const first = await mkdir(path, { recursive: true, ...(mode !== undefined && { mode }) })
  if (first === undefined) return
  for (let at = path; ; at = dirname(at)) {
    await flush(dirname(at))
    if (at === first) return
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
