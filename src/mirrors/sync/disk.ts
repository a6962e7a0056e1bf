/** What a mirror's own disk holds: entries as a list has them, links that are replaced in one instant. */
import { link, lstat, mkdir, readdir, readlink, rename, rm, rmdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Entry } from '../listing.ts'

/** Whether what a list says of a path is so. */
export async function isThere(root: string, entry: Entry): Promise<boolean> {
  const facts = await lstat(join(root, entry.path)).catch(() => undefined)
  if (!facts) return false
  if (entry.type === 'd') return facts.isDirectory()
  if (entry.type === 'l') return facts.isSymbolicLink()
  return (
    facts.isFile() &&
    facts.size === entry.size_bytes &&
    Math.floor(facts.mtimeMs / 1000) === entry.mtime_s
  )
}

/** Puts a file or link that is elsewhere on the same disk into its place, in one instant. */
export async function putInPlace(from: string, to: string): Promise<void> {
  const there = await lstat(to).catch(() => undefined)
  // A folder where a link shall be was another kind of tree: a link can't take its place by a rename.
  if (there?.isDirectory()) await rm(to, { recursive: true })
  await mkdir(dirname(to), { recursive: true })
  await rename(from, to)
}

/** The link at a path, or undefined. */
export const linkAt = (path: string) => readlink(path).catch(() => undefined)

/** Makes a link under a name of its own first, then puts it into its place. */
export async function replaceLink(target: string, path: string): Promise<void> {
  const part = `${path}.part`
  await rm(part, { force: true })
  await mkdir(dirname(path), { recursive: true })
  await symlink(target, part)
  await putInPlace(part, path)
}

/** A second name for a file that is here already. @returns false where that can't be */
export async function linkFile(from: string, to: string): Promise<boolean> {
  await mkdir(dirname(to), { recursive: true })
  return link(from, to).then(
    () => true,
    () => false,
  )
}

/** All paths under a folder, folders before what is in them. */
export async function pathsUnder(root: string, under = ''): Promise<string[]> {
  const found = await readdir(join(root, under), { withFileTypes: true }).catch(() => [])
  const paths: string[] = []
  for (const each of found) {
    const path = under === '' ? each.name : `${under}/${each.name}`
    paths.push(path)
    if (each.isDirectory()) paths.push(...(await pathsUnder(root, path)))
  }
  return paths
}

/** Removes a file, a link, or a folder that is empty by now. */
export async function removePath(path: string): Promise<void> {
  const facts = await lstat(path).catch(() => undefined)
  if (!facts) return
  if (!facts.isDirectory()) await rm(path, { force: true })
  else await rmdir(path).catch(() => {})
}
