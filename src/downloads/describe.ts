/** What lies beside an image: SHA256SUMS and its signature, torrent, metalink, zsync, downloads.json. */
import { execFile } from 'node:child_process'
import { utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { App } from '../kernel/context.ts'
import type { ReleaseDescription } from '../kernel/distribution.ts'
import type { Reason } from '../kernel/reason.ts'
import { signDetached, signingFingerprint } from '../kernel/signing.ts'
import { hasTool } from '../kernel/tools.ts'
import { imageJson } from './downloads.ts'
import { type ImageFacts, imageFacts, SUMS } from './facts.ts'
import type { ImageNames } from './image.ts'
import { firmwareOf } from './iso.ts'
import { type Measured, measureFile } from './measure.ts'
import { type MetalinkUrl, renderMetalink4 } from './metalink4.ts'
import { makeOnce } from './places.ts'
import { magnetSeeds, ownSource } from './sources.ts'
import { magnetLink, makeTorrent } from './torrent.ts'

const run = promisify(execFile)

export interface Description {
  release: ReleaseDescription
  arch: string
  label: string
  names: ImageNames
  packages: number
  source_date_s: number
  made_at: number
  notes: Reason[]
  has_md5: boolean
}

/**
 * Writes all of it into `images` of the stage, where the ISO is.
 * @returns what is said of the image
 */
export async function describeImage(
  app: App,
  stage: string,
  about: Description,
  signal: AbortSignal,
): Promise<ImageFacts> {
  const { names, source_date_s } = about
  const iso = join(stage, 'images', names.filename)
  await utimes(iso, source_date_s, source_date_s)
  const measured = await measureFile(iso)
  const write = (name: string, content: () => Promise<string | Uint8Array>) =>
    makeOnce(app, stage, join('images', name), async (part) => writeFile(part, await content()))

  await write(SUMS, async () => `${measured.sha256}  ${names.filename}\n`)
  await write(`${SUMS}.asc`, () => signDetached(app, join(stage, 'images', SUMS)))
  // No mirror has it yet; sources.ts adds those that come to have it.
  const sources = [ownSource(app, names)]
  await write(`${names.filename}.meta4`, async () => metalinkOf(app, about, measured, sources))
  const torrent = await torrentOf(app, iso, about, sources)
  await write(`${names.filename}.torrent`, async () => torrent.bytes)
  const has_zsync = await hasTool('zsyncmake')
  if (has_zsync) await makeZsync(app, stage, names.filename, signal)
  const facts = imageFacts({
    ...about,
    portal_url: app.config.url,
    distribution: app.distribution,
    ...{ size_bytes: measured.size_bytes, sha256: measured.sha256 },
    boots: firmwareOf(about.release.boot.find((boot) => boot.arch === about.arch)),
    fingerprint: await signingFingerprint(app),
    sources,
    magnet: magnetOf(app, about, measured, torrent.info_hash, sources),
    has_zsync,
  })
  const json = imageJson(app.words.in('en'), facts)
  await write('downloads.json', async () => `${JSON.stringify({ items: [json] }, null, 2)}\n`)
  return facts
}

function metalinkOf(app: App, about: Description, measured: Measured, urls: MetalinkUrl[]) {
  return renderMetalink4({
    ...{ generator: 'Slipway', published_s: about.source_date_s, urls },
    filename: about.names.filename,
    identity: `${app.distribution.name} ${about.release.version}`,
    version: about.label,
    ...measured,
  })
}

function torrentOf(app: App, iso: string, about: Description, sources: MetalinkUrl[]) {
  return makeTorrent({
    file: iso,
    name: about.names.filename,
    comment: `${app.distribution.name} ${about.release.version} ${about.arch}`,
    source_date_s: about.source_date_s,
    web_seeds: sources.map(({ url }) => url),
    trackers: app.distribution.images.trackers,
  })
}

function magnetOf(
  app: App,
  { names }: Description,
  { size_bytes }: Measured,
  info_hash: string,
  sources: MetalinkUrl[],
): string {
  return magnetLink({
    ...{ info_hash, size_bytes, name: names.filename },
    torrent_url: `${app.config.url}/pub/${names.path}/${names.filename}.torrent`,
    web_seeds: magnetSeeds(sources.map(({ url }) => url)),
    trackers: app.distribution.images.trackers,
  })
}

/** Its URL is relative, so that it holds on every mirror. */
function makeZsync(app: App, stage: string, filename: string, signal: AbortSignal) {
  return makeOnce(app, stage, join('images', `${filename}.zsync`), async (part) => {
    const iso = join(stage, 'images', filename)
    await run('zsyncmake', ['-C', '-u', filename, '-f', filename, '-o', part, iso], { signal })
  })
}
