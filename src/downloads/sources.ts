/**
 * Where an image is to be had: mirrors on which it was found whole, then this portal. Mirrors get an image
 * some time after it is published, so they are looked for again and again, and the metalink, the torrent's
 * web seeds and the magnet link follow what was found.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import { image } from '../../db/schema/downloads.ts'
import { dataPath } from '../kernel/config.ts'
import type { App, Ctx } from '../kernel/context.ts'
import { transaction } from '../kernel/transaction.ts'
import { HostBudget } from '../mirrors/budget.ts'
import { type Crawler, createCrawler } from '../mirrors/crawler.ts'
import { decodeSnapshot, mirrorStates, type Snapshot } from '../mirrors/edge/snapshot.ts'
import { FetchFault, fetchBounded } from '../mirrors/fetcher.ts'
import { type MirroredFile, replaceMirroredFiles } from '../mirrors/files.ts'
import { readSnapshot } from '../mirrors/snapshots.ts'
import { stableNow } from './composes.ts'
import { imageJson } from './downloads.ts'
import type { ImageFacts } from './facts.ts'
import type { ImageNames } from './image.ts'
import { type MetalinkUrl, withUrls } from './metalink4.ts'
import { replacePublished } from './places.ts'
import { type ImageRow, offeredImages } from './queries.ts'
import { infoHash, magnetLink, withWebSeeds } from './torrent.ts'

const SOURCES_MAX = 25
/** Longer magnet links are cut by some programs. */
const MAGNET_SEEDS_MAX = 3

export function ownSource(app: App, names: Pick<ImageNames, 'path' | 'filename'>): MetalinkUrl {
  const url = `${app.config.url}/pub/${encodeURI(`${names.path}/${names.filename}`)}`
  return { url, location: undefined }
}

/** Where a mirror would have a file. */
export interface Place extends MetalinkUrl {
  mirror: string
}

/**
 * Addresses of a file under /pub on public mirrors that are fresh for all these repositories, those with
 * more bandwidth first.
 */
export function placesOf(snapshot: Snapshot, repositories: string[], path: string): Place[] {
  const { mirrors, states } = snapshot
  const wanted = snapshot.repositories.flatMap((each, at) =>
    repositories.includes(each.path) ? [at] : [],
  )
  const isFresh = (mirror: number) =>
    wanted.length === repositories.length &&
    wanted.every((at) =>
      mirrorStates[states[at * mirrors.length + mirror] ?? 0]?.startsWith('fresh'),
    )
  return mirrors
    .map((mirror, at) => ({ mirror, at }))
    .filter(({ mirror, at }) => !mirror.private && isFresh(at))
    .sort((a, b) => b.mirror.bandwidth_mbps - a.mirror.bandwidth_mbps || a.at - b.at)
    .flatMap(({ mirror }): Place[] => {
      const base = mirror.urls.find(({ protocol }) => protocol.startsWith('http'))
      return base
        ? [
            {
              ...{ mirror: mirror.name, url: base.url + encodeURI(path) },
              location: mirror.country || undefined,
            },
          ]
        : []
    })
    .slice(0, SOURCES_MAX)
}

/** Whether a mirror has the file in its whole length. */
async function isThere(crawler: Crawler, url: string, size_bytes: number): Promise<boolean> {
  const budget = new HostBudget(crawler.gate, { ca: crawler.ca })
  try {
    const request = { method: 'HEAD' as const, url, family: undefined }
    const { status, length_bytes } = await fetchBounded(crawler.fetch, budget, request)
    return status === 200 && length_bytes === size_bytes
  } catch (error) {
    if (error instanceof FetchFault) return false
    throw error
  } finally {
    budget.close()
  }
}

/** Undefined before the first, and for a moment after an upgrade that writes another format. */
async function currentSnapshot(app: App): Promise<Snapshot | undefined> {
  const file = await readSnapshot(app)
  try {
    return file && decodeSnapshot(file.bytes)
  } catch (error) {
    app.log.warn(
      { err: error },
      'the snapshot of mirrors cannot be read; the worker writes it anew',
    )
    return undefined
  }
}

/** Looks for the offered images on the mirrors, and tells downloaders what it found. */
export async function refreshSources(ctx: Ctx, crawler = createCrawler(ctx.app)): Promise<void> {
  const { app } = ctx
  const began = app.clock.now()
  const snapshot = await currentSnapshot(app)
  // Before there is one nothing is known of mirrors, and what was known of them stays.
  if (!snapshot) return
  const files: MirroredFile[] = []
  for (const row of await offeredImages(app.db)) {
    const parts = await stableNow(app.db, row.release)
    const repositories = parts
      .filter(({ repository }) => repository.arch === row.arch)
      .map(({ repository }) => repository.path)
    const own = ownSource(app, { path: row.path, filename: row.facts.filename })
    const path = `${row.path}/${row.facts.filename}`
    const others = placesOf(snapshot, repositories, path).filter(({ url }) => url !== own.url)
    const there = await Promise.all(
      others.map(({ url }) => isThere(crawler, url, row.facts.size_bytes)),
    )
    const found = others.filter((_, at) => there[at])
    const sources = [...found.map(({ url, location }) => ({ url, location })), own]
    files.push({ path, mirrors: found.map(({ mirror }) => mirror) })
    if (JSON.stringify(sources) !== JSON.stringify(row.facts.sources))
      await tellSources(ctx, row, sources)
  }
  await transaction(ctx, (tx) => replaceMirroredFiles(tx, ctx, files, began))
}

/** Writes the files anew first: what a kill leaves undone, the next look does. */
async function tellSources(ctx: Ctx, row: ImageRow, sources: MetalinkUrl[]): Promise<void> {
  const { app } = ctx
  const { filename, size_bytes, torrent_url } = row.facts
  const urls = sources.map(({ url }) => url)
  const folder = dataPath(app.config, 'pub', row.path)
  const torrent = withWebSeeds(await readFile(join(folder, `${filename}.torrent`)), urls)
  const metalink = withUrls(await readFile(join(folder, `${filename}.meta4`), 'utf8'), sources)
  const magnet = magnetLink({
    ...{ info_hash: infoHash(torrent), name: filename, size_bytes, torrent_url },
    web_seeds: magnetSeeds(urls),
    trackers: app.distribution.images.trackers,
  })
  const facts: ImageFacts = { ...row.facts, magnet, sources }
  const json = { items: [imageJson(app.words.in('en'), facts)] }
  await replacePublished(app, join(folder, `${filename}.torrent`), torrent)
  await replacePublished(app, join(folder, `${filename}.meta4`), metalink)
  await replacePublished(app, join(folder, 'downloads.json'), `${JSON.stringify(json, null, 2)}\n`)
  await transaction(ctx, (tx) => tx.update(image).set({ facts }).where(eq(image.id, row.id)))
}

/** The best ones, and always the last, which is this portal. */
export function magnetSeeds(urls: string[]): string[] {
  return [...urls.slice(0, -1).slice(0, MAGNET_SEEDS_MAX - 1), ...urls.slice(-1)]
}
