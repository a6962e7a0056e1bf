/** Where an image is to be had: the mirrors that have the release's repositories, then this portal. */
import type { App } from '../kernel/context.ts'
import { decodeSnapshot, mirrorStates, type Snapshot } from '../mirrors/edge/snapshot.ts'
import { readSnapshot } from '../mirrors/snapshots.ts'
import type { MetalinkUrl } from './metalink4.ts'

const SOURCES_MAX = 25

/**
 * Addresses of a file under /pub on public mirrors that are fresh for all these repositories, those with
 * more bandwidth first. A mirror may get the file a while later: clients then go on with the next, and the
 * last, which is this portal, always has it.
 */
export function mirrorUrls(snapshot: Snapshot, repositories: string[], path: string) {
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
    .flatMap(({ mirror }): MetalinkUrl[] => {
      const base = mirror.urls.find(({ protocol }) => protocol.startsWith('http'))
      return base
        ? [{ url: base.url + encodeURI(path), location: mirror.country || undefined }]
        : []
    })
    .slice(0, SOURCES_MAX)
}

/** Best first; the last is this portal. */
export async function sourcesOf(
  app: App,
  repositories: string[],
  path: string,
): Promise<MetalinkUrl[]> {
  const own = `${app.config.url}/pub/${encodeURI(path)}`
  const file = await readSnapshot(app)
  const found = file ? mirrorUrls(decodeSnapshot(file.bytes), repositories, path) : []
  return [...found.filter(({ url }) => url !== own), { url: own, location: undefined }]
}
