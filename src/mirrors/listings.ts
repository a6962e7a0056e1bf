/** Walks the published tree and writes the lists that mirrors compare with, after each push. */

import type { Dirent } from 'node:fs'
import { lstat, readdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { dataPath } from '../kernel/config.ts'
import type { App } from '../kernel/context.ts'
import { moveDurably, partOf } from '../kernel/durable.ts'
import type { Subscriber } from '../kernel/events.ts'
import { digestFile } from '../repos/store.ts'
import { closed, type TaskHandler } from '../tasks/handler.ts'
import { createTask } from '../tasks/tasks.ts'
import { type Entry, isCategory, isPlainPath, listName, writeListing } from './listing.ts'

/** Files by whose checksum a mirror knows that it has what was published. */
const SUMMED = /(^|\/)(repomd\.xml|repomd\.xml\.asc|\.treeinfo|\.composeinfo|CHECKSUM[^/]*)$/

/** Readable by everyone, or not published. */
const OTHERS_READ = 0o004

/**
 * Writes the list of every category, which is a folder of /pub. A list whose walk began earlier never takes the
 * place of one whose walk began later: the file's own time says when that was.
 * @param since a list whose walk began after this is right already
 * @returns categories that were written
 */
export async function writeListings(app: App, since = Number.POSITIVE_INFINITY): Promise<string[]> {
  const root = dataPath(app.config, 'pub')
  const written: string[] = []
  for (const entry of await readdir(root, { withFileTypes: true })) {
    if (!entry.isDirectory() || !isCategory(entry.name)) continue
    const file = join(root, entry.name, listName(entry.name))
    if ((await walkedAt(file)) > since) continue
    if (await writeList(app, join(root, entry.name), file)) written.push(entry.name)
  }
  return written
}

const walkedAt = async (file: string) =>
  (await stat(file).catch(() => undefined))?.mtimeMs ?? Number.NEGATIVE_INFINITY

async function writeList(app: App, folder: string, file: string): Promise<boolean> {
  const began = app.clock.now()
  const entries: Entry[] = []
  await walk(folder, '', entries)
  const checksums = new Map<string, string>()
  for (const { path, type } of entries)
    if (type === 'f' && SUMMED.test(path)) {
      const sha256 = await digestFile(join(folder, path), 'sha256').catch(() => undefined)
      if (sha256 !== undefined) checksums.set(path, sha256)
    }
  const part = partOf(file)
  await writeFile(part, writeListing({ entries, checksums }), { flush: true })
  await utimes(part, began / 1000, began / 1000)
  if ((await walkedAt(file)) > began) return false
  await moveDurably(part, file)
  return true
}

/**
 * In the order of names, so that `.generations` comes before `Packages`: a package is in the tree before the
 * metadata that names it, so all that listed metadata names is listed too.
 */
async function walk(root: string, under: string, entries: Entry[]): Promise<void> {
  const found = await readdir(join(root, under), { withFileTypes: true }).catch(() => [])
  found.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const each of found) {
    const path = under === '' ? each.name : `${under}/${each.name}`
    if (isHidden(each, under) || !isPlainPath(path)) continue
    // What was removed since the folder was read is not there.
    const facts = await lstat(join(root, path)).catch(() => undefined)
    if (!facts || (!facts.isSymbolicLink() && (facts.mode & OTHERS_READ) === 0)) continue
    const type = facts.isSymbolicLink() ? 'l' : facts.isDirectory() ? 'd' : 'f'
    const mtime_s = Math.floor(facts.mtimeMs / 1000)
    entries.push({ mtime_s, type, size_bytes: type === 'f' ? facts.size : 0, path })
    if (type === 'd') await walk(root, path, entries)
  }
}

/** What is half made, what is no file of the tree, and the lists themselves. */
function isHidden(each: Dirent, under: string): boolean {
  if (each.name.endsWith('.part')) return true
  if (!each.isFile() && !each.isDirectory() && !each.isSymbolicLink()) return true
  return under === '' && each.name.startsWith('fullfiletimelist-')
}

/** A task that writes the lists; one whose work another did meanwhile has nothing to do. */
export const listTask: TaskHandler<Record<string, never>> = {
  method: 'listFiles',
  payload: z.strictObject({}),
  async run({ ctx, task }) {
    return closed({ written: await writeListings(ctx.app, task.created_at) })
  },
}

/** The tree has changed for good: lists follow. */
export const listsFollowPush: Subscriber = {
  name: 'lists-follow-push',
  types: ['push.done', 'compose.published'],
  async handle(tx, ctx, event) {
    const label = event.subject
    await createTask(tx, ctx, {
      ...{ method: 'listFiles', label, payload: {}, unique_key: `listing:${event.id}` },
    })
  },
}
