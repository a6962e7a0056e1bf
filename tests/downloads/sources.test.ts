/** Mirrors of an image: only those that have it whole are named, and whoever downloads is sent to them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { image } from '../../db/schema/downloads.ts'
import {
  mirror_host,
  mirror_repository,
  mirror_url,
  mirrored_file,
} from '../../db/schema/mirrors.ts'
import { generation, repository } from '../../db/schema/repos.ts'
import { offeredDownloads } from '../../src/downloads/downloads.ts'
import { imageFacts } from '../../src/downloads/facts.ts'
import { imageNames } from '../../src/downloads/image.ts'
import { renderMetalink4 } from '../../src/downloads/metalink4.ts'
import { ownSource, refreshSources } from '../../src/downloads/sources.ts'
import { makeTorrent } from '../../src/downloads/torrent.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { Edge } from '../../src/mirrors/edge/answer.ts'
import { decodeSnapshot } from '../../src/mirrors/edge/snapshot.ts'
import { addMirroredFile, replaceMirroredFiles } from '../../src/mirrors/files.ts'
import { publishSnapshot, readSnapshot } from '../../src/mirrors/snapshots.ts'
import { createPortal } from '../../src/portal.ts'
import { prepareRelease, RELEASE } from '../support/builds.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'
import { until } from '../support/until.ts'

const arch = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string] ?? process.arch
const ISO = Buffer.alloc(3000, 7)
const names = imageNames('keel', '10', arch, '20260105.0')
const path = `${names.path}/${names.filename}`

let app: TestApp
let portal: ReturnType<typeof createPortal>
let server: Server
/** What the mirror says of the image; undefined where it has none. */
let length: number | undefined

beforeEach(async () => {
  length = undefined
  server = createServer((request, response) => {
    const there = request.method === 'HEAD' && request.url === `/keel/${path}`
    if (!there || length === undefined) return response.writeHead(404).end()
    return response.writeHead(200, { 'Content-Length': length }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  app = await testApp({ env: { SLIPWAY_PRIVATE_MIRRORS: `127.0.0.1:${port}` } })
  portal = createPortal(app)
  await prepareRelease(app)
  await publish()
  await offerImage()
  await addMirror(`http://127.0.0.1:${port}/keel/`)
})
afterEach(async () => {
  server.close()
  await app.end()
})

async function publish(): Promise<void> {
  const hashes = { md5: '', sha1: '', sha256: '', sha512: '' }
  await transaction({ app }, async (tx) => {
    for (const row of await tx.select().from(repository))
      await tx.insert(generation).values({
        ...{ repository_id: row.id, timestamp_s: 1, size_bytes: 1, hashes, files: [] },
        ...{ packages: 1, push_id: 1, created_at: 1, published_at: 1 },
      })
    for (const { id, repository_id } of await tx.select().from(generation))
      await tx.update(repository).set({ generation_id: id }).where(eq(repository.id, repository_id))
  })
}

async function offerImage(): Promise<void> {
  const folder = join(app.config.data_dir, 'pub', names.path)
  mkdirSync(folder, { recursive: true })
  const iso = join(folder, names.filename)
  writeFileSync(iso, ISO)
  const own = ownSource(app, names)
  const torrent = await makeTorrent({
    ...{ file: iso, name: names.filename, comment: '', source_date_s: 1, trackers: [] },
    web_seeds: [own.url],
  })
  writeFileSync(`${iso}.torrent`, torrent.bytes)
  writeFileSync(
    `${iso}.meta4`,
    renderMetalink4({
      ...{ generator: 'S', published_s: 1, filename: names.filename, identity: 'K', version: '1' },
      ...{ size_bytes: ISO.length, sha256: '', pieces: { length_bytes: 1, sha256: [] } },
      urls: [own],
    }),
  )
  const [release] = app.distribution.releases
  if (!release) throw new Error('no release')
  const facts = imageFacts({
    ...{ portal_url: app.config.url, distribution: app.distribution, release, arch, names },
    ...{ label: '20260105.0', size_bytes: ISO.length, sha256: '', packages: 1, boots: [] },
    ...{ source_date_s: 1, made_at: 1, fingerprint: 'AB'.repeat(20), sources: [own], magnet: '' },
    ...{ has_zsync: false, has_md5: false, notes: [] },
  })
  await transaction({ app }, (tx) =>
    tx.insert(image).values({
      ...{ compose_id: 1, release: RELEASE, arch, path: names.path, tree_path: names.tree_path },
      ...{ facts, published_at: 1 },
    }),
  )
}

/** One mirror that is fresh for everything. */
async function addMirror(url: string): Promise<void> {
  await transaction({ app }, async (tx) => {
    const [host] = await tx
      .insert(mirror_host)
      .values({
        ...{ site_id: 1, name: 'near.example', country: 'DE', bandwidth_mbps: 1000 },
        ...{ state: 'active', proof_token: 'x', proved_at: 1, created_at: 0, modified_at: 0 },
      })
      .returning()
    const host_id = host?.id ?? 0
    await tx.insert(mirror_url).values({ host_id, protocol: 'http', url })
    const state = { fresh: 3, outcome: 'fresh', listed: true, checked_at: 0 }
    for (const { id } of await tx.select().from(repository))
      await tx.insert(mirror_repository).values({ host_id, repository_id: id, ...state })
  })
  await publishSnapshot(app)
}

/** What an edge that runs apart answers: it has the snapshot and nothing else. */
async function edge(): Promise<Edge> {
  await publishSnapshot(app)
  const snapshot = await readSnapshot(app)
  if (!snapshot) throw new Error('no snapshot')
  return new Edge(decodeSnapshot(snapshot.bytes), { country: () => 'DE', asn: () => undefined })
}

const sources = async () => {
  const { recommended } = await offeredDownloads(ctxOf(app))
  return recommended?.facts.sources.map(({ url }) => new URL(url).host) ?? []
}
const beside = (ending: string) =>
  readFileSync(join(app.config.data_dir, 'pub', names.path, ending), 'latin1')

it('names a mirror once it has the whole image, and no longer when it has not', async () => {
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const look = async () => {
    await refreshSources(ctxOf(app))
    return sources()
  }
  expect(await look()).toEqual(['portal.test'])
  length = ISO.length - 1
  expect(await look()).toEqual(['portal.test'])
  length = ISO.length
  expect(await look()).toEqual([host, 'portal.test'])
  const { recommended } = await offeredDownloads(ctxOf(app))
  expect(recommended?.facts.magnet).toContain(encodeURIComponent(`http://${host}/keel/`))
  expect(beside(`${names.filename}.torrent`)).toContain(`http://${host}/keel/${path}`)
  expect(beside(`${names.filename}.meta4`)).toMatch(
    new RegExp(`location="de" priority="1">http://${host}/keel/`),
  )
  expect(JSON.parse(beside('downloads.json')).items[0].sources).toHaveLength(2)
  length = undefined
  expect(await look()).toEqual(['portal.test'])
  expect(beside(`${names.filename}.torrent`)).not.toContain(host)
})

it('sends whoever downloads to that mirror, and to the portal where there is none', async () => {
  const where = async (file: string) =>
    (await portal.request(`/download/${file}`)).headers.get('Location')
  expect(await where(path)).toBe(`/pub/${path}`)
  length = ISO.length
  await refreshSources(ctxOf(app))
  await publishSnapshot(app)
  const found = await until('the web has the snapshot', async () => {
    const location = await where(path)
    return location?.startsWith('http://127.0.0.1') && location
  })
  expect(found).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/keel\/keel\/10\/isos\//)
  expect(await where('keel/10/isos/other.iso')).toBe('/pub/keel/10/isos/other.iso')
})

it('tells edges that run apart, too, and tells them when a mirror has it no longer', async () => {
  const location = async () => (await edge()).redirect(path, { address: '192.0.2.1' }).location
  expect(await location()).toBeUndefined()
  length = ISO.length
  await refreshSources(ctxOf(app))
  expect(await location()).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/keel\//)
  length = undefined
  await refreshSources(ctxOf(app))
  expect(await location()).toBe(`http://portal.test/pub/${path}`)
  await transaction({ app }, (tx) => tx.update(image).set({ withdrawn_at: 1 }))
  await refreshSources(ctxOf(app))
  expect(await location()).toBeUndefined()
})

it('a file that is published while mirrors are looked at keeps its place', async () => {
  const ctx = ctxOf(app)
  const known = () => app.db.select().from(mirrored_file)
  const began = app.clock.now()
  await transaction(ctx, (tx) => addMirroredFile(tx, ctx, 'keel/old.iso'))
  app.clock.advance(1000)
  await transaction(ctx, (tx) => addMirroredFile(tx, ctx, 'keel/new.iso'))
  await transaction(ctx, (tx) => replaceMirroredFiles(tx, ctx, [], began))
  expect((await known()).map((row) => row.path)).toEqual(['keel/new.iso'])
})
