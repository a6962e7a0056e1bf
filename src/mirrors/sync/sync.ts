/**
 * Keeps a mirror's copy of the tree: the list of a category says what differs, content comes first, then
 * metadata, then what leads clients to it, and what is gone is removed once nobody can be reading it any
 * more. Every step may be repeated: what was killed goes on with the next run. It needs no portal and no
 * database, only rsync.
 *
 * Its own folder in the destination is `.slipway-sync`: the lock, the lists, what waits for its removal.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isCategory, type Listing, listName, readListing } from '../listing.ts'
import { putInPlace } from './disk.ts'
import { followLeads } from './leads.ts'
import { takeLock } from './lock.ts'
import { linkTwins, missingOf } from './parts.ts'
import { type Plan, planOf } from './plan.ts'
import { copyPaths, listFolders, type RsyncOptions } from './program.ts'
import { removeGone } from './removal.ts'

export const STATE_FOLDER = '.slipway-sync'

/** The source may move on while it is copied: then the list is read anew, so often. */
const ROUNDS_MAX = 3

export interface SyncOptions extends RsyncOptions {
  /** rsync://…, where the tree begins, with a slash at its end. */
  source: string
  destination: string
  /** https://…, where lists are fetched from in place of the source; with a slash at its end. */
  lists: string | undefined
  /** Folders of the tree; all that the source has where none is named. */
  categories: string[]
  /** How long what is gone stays, for clients that are still reading. */
  grace_ms: number
  /** Looks at every file that is listed, also at those that the last list named already. */
  check?: boolean
  /** Removes even what looks like too much. */
  force_removal: boolean
  say(line: string): void
  now(): number
}

/** @throws Error that says what to do */
export async function syncMirror(options: SyncOptions): Promise<void> {
  const destination = resolve(options.destination)
  const state = join(destination, STATE_FOLDER)
  await mkdir(state, { recursive: true }).catch((error: Error) => {
    throw new Error(`destination ${destination} can't be written: ${error.message}`)
  })
  const release = await takeLock(join(state, 'lock'))
  try {
    const found = options.categories.length > 0 ? options.categories : await categoriesOf(options)
    if (found.length === 0)
      throw new Error(`source ${options.source} has no folders: is that where the tree begins?`)
    for (const category of found) await syncCategory({ ...options, destination }, state, category)
  } finally {
    await release()
  }
}

async function categoriesOf(options: SyncOptions): Promise<string[]> {
  return (await listFolders(options.source, options)).filter(isCategory)
}

export interface Category {
  options: SyncOptions
  /** Its folder at the source, with a slash at its end, and here. */
  source: string
  root: string
  state: string
  name: string
}

async function syncCategory(options: SyncOptions, state: string, name: string): Promise<void> {
  const category: Category = {
    ...{ options, name, source: `${options.source}${name}/` },
    root: join(options.destination, name),
    state: join(state, name),
  }
  await mkdir(category.state, { recursive: true })
  let lacking: string[] = []
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const text = await fetchList(category)
    const next = readList(category, text)
    lacking = await bringUp(category, next)
    if (lacking.length > 0) continue
    await keepList(category, text)
    await removeGone(category, next)
    return
  }
  throw new Error(
    `${name}: after ${ROUNDS_MAX} rounds these are still not as the list says; run it again later: ${lacking.slice(0, 5).join(', ')}`,
  )
}

/** @returns the text of the source's list */
async function fetchList({ options, name, source, state }: Category): Promise<string> {
  const file = listName(name)
  if (options.lists !== undefined) {
    const url = `${options.lists}${name}/${file}`
    const answer = await fetch(url, {
      signal: AbortSignal.timeout(options.timeout_s * 1000),
    }).catch((error: Error) => {
      throw new Error(`--lists: ${url} can't be fetched: ${String(error.cause ?? error.message)}`)
    })
    if (!answer.ok) throw new Error(`--lists: ${url} answered ${answer.status}`)
    return answer.text()
  }
  const incoming = join(state, 'incoming')
  await rm(incoming, { recursive: true, force: true })
  await mkdir(incoming, { recursive: true })
  await copyPaths(source, incoming, [file], options)
  return readFile(join(incoming, file), 'utf8').catch(() => {
    throw new Error(`source ${source} has no ${file}: it is no source for slipway mirror sync`)
  })
}

function readList({ options, name, source }: Category, text: string): Listing {
  try {
    return readListing(text)
  } catch (error) {
    const where = options.lists ?? source
    throw new Error(`${listName(name)} of ${where}, ${(error as Error).message}`)
  }
}

/** The list of all that this mirror has had at once; undefined before the first time. */
async function listHere({ state }: Category): Promise<Listing | undefined> {
  const text = await readFile(join(state, 'list'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : readListing(text)
}

/** @returns paths that are not as the list says, empty when all is well */
async function bringUp(category: Category, next: Listing): Promise<string[]> {
  const { source, root, options, name } = category
  const before = await listHere(category)
  const plan = planOf(options.check ? undefined : before, next)
  options.say(sayPlan(name, plan))
  await mkdir(root, { recursive: true })
  await linkTwins(root, before, plan.content)
  await copyPaths(source, root, (await missingOf(root, plan.content)).map(pathOf), options)
  const noContent = await missingOf(root, plan.content)
  await copyPaths(source, root, (await missingOf(root, plan.metadata)).map(pathOf), options)
  const noMetadata = await missingOf(root, plan.metadata)
  const lacking = [...noContent, ...noMetadata]
  const notLed = await followLeads(category, next, plan.leads, lacking)
  return [...lacking.map(pathOf), ...notLed]
}

const pathOf = ({ path }: { path: string }) => path

function sayPlan(name: string, { content, metadata }: Plan): string {
  const size = [...content, ...metadata].reduce((sum, each) => sum + each.size_bytes, 0)
  const count = content.length + metadata.length
  return count === 0
    ? `${name}: nothing new`
    : `${name}: ${count} differ, ${(size / 1e6).toFixed(1)} MB`
}

/** From here on this mirror has all of the list, and may be the source of others. */
async function keepList({ root, state, name }: Category, text: string): Promise<void> {
  for (const file of [join(root, listName(name)), join(state, 'list')]) {
    const part = join(state, 'list.part')
    await writeFile(part, text, { flush: true })
    await putInPlace(part, file)
  }
}
