/** Where a compose works and where its results are published; moves that a kill cannot leave half done. */

import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { dataPath } from '../kernel/config.ts'
import type { App } from '../kernel/context.ts'
import { flushTree, makeFolder, moveDurably } from '../kernel/durable.ts'
import { newHex } from '../kernel/random.ts'
import { exists } from '../repos/store.ts'

const PREFIX = 'compose-'

/** Folder of a compose's work; beside `pub`, so that links and renames work. */
export function stagePath(app: App, compose_id: number, ...parts: string[]): string {
  return dataPath(app.config, 'work', `${PREFIX}${compose_id}`, ...parts)
}

/** Numbers of the composes that have left a folder of work. */
export async function stagedComposes(app: App): Promise<number[]> {
  const names = await readdir(dataPath(app.config, 'work')).catch(() => [])
  return names
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => Number(name.slice(PREFIX.length)))
    .filter(Number.isSafeInteger)
}

export function removeComposeStage(app: App, compose_id: number): Promise<void> {
  return rm(stagePath(app, compose_id), { recursive: true, force: true })
}

/**
 * Makes something whole under its name or not at all. What a killed run, or a program that outlived it, is
 * still writing has another name, outside of every folder that is published.
 * @param stage folder of one arch in a compose's work
 * @param name path in it
 * @param make writes to the path that it is given
 */
export async function makeOnce(
  app: App,
  stage: string,
  name: string,
  make: (part: string) => Promise<void>,
): Promise<void> {
  const path = join(stage, name)
  if (await exists(path)) return
  await makeFolder(dirname(path))
  const part = join(stage, `${newHex(app.random, 16)}.part`)
  await make(part)
  await flushTree(part)
  await moveDurably(part, path)
}

/** Moves a whole folder to its published place; nothing to do where that was done. */
export async function publishFolder(app: App, from: string, path: string): Promise<void> {
  const to = dataPath(app.config, 'pub', path)
  if (await exists(to)) return
  await makeFolder(dirname(to))
  await flushTree(from)
  await moveDurably(from, to)
}

/** Points `latest` beside a published folder at it. */
export async function pointLatest(app: App, path: string): Promise<void> {
  const folder = dataPath(app.config, 'pub', dirname(path))
  const part = join(folder, `latest.${newHex(app.random, 8)}.part`)
  await symlink(path.split('/').at(-1) ?? '', part)
  await moveDurably(part, join(folder, 'latest'))
}

const GONE = 'gone-'

/** Takes a published folder away at once, then removes it. */
export async function removePublished(app: App, path: string): Promise<void> {
  const gone = dataPath(app.config, 'work', `${GONE}${newHex(app.random, 16)}`)
  const from = dataPath(app.config, 'pub', path)
  if (!(await exists(from))) return
  await mkdir(dirname(gone), { recursive: true })
  await rename(from, gone)
  await rm(gone, { recursive: true, force: true })
}

/** Removes what a kill left of folders that were taken away. */
export async function removeGone(app: App): Promise<void> {
  const work = dataPath(app.config, 'work')
  for (const name of await readdir(work).catch(() => []))
    if (name.startsWith(GONE)) await rm(join(work, name), { recursive: true, force: true })
}

/** Replaces a published file by rename. A part that a kill leaves is removed with the rest. */
export async function replacePublished(
  app: App,
  file: string,
  content: string | Uint8Array,
): Promise<void> {
  const part = dataPath(app.config, 'work', `${GONE}${newHex(app.random, 16)}`)
  await mkdir(dirname(part), { recursive: true })
  await writeFile(part, content, { flush: true })
  await moveDurably(part, file)
}
