/** A database with published repositories and mirrors, and real HTTP servers on loopback that play them. */
import { createHash } from 'node:crypto'
import * as http from 'node:http'
import * as https from 'node:https'
import type { AddressInfo } from 'node:net'
import { and, eq, isNull } from 'drizzle-orm'
import { rpm } from '../../db/schema/builds.ts'
import { mirror_host } from '../../db/schema/mirrors.ts'
import { generation, repository, repository_rpm } from '../../db/schema/repos.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { type HostRow, signUpMirror } from '../../src/mirrors/hosts.ts'
import { type MirrorInput, mirrorInput } from '../../src/mirrors/mirror.ts'
import { ctxOf, personActor, type TestApp } from './test-app.ts'

/** Each generation is of a push of its own. */
let pushes = 0

export const repomd = (text: string) => Buffer.from(`<repomd>${text}</repomd>\n`)

/** Publishes a generation of a repository, made when it is not there. @returns the generation's id */
export async function publish(app: TestApp, name: string, text: string): Promise<number> {
  const body = repomd(text)
  const sha256 = createHash('sha256').update(body).digest('hex')
  const now = app.clock.now()
  return transaction({ app }, async (tx) => {
    const path = `keel/10/${name}/x86_64/os`
    await tx
      .insert(repository)
      .values({ name, arch: 'x86_64', path, release: 'keel10', stage: 'stable' })
      .onConflictDoNothing()
    const [row] = await tx.select().from(repository).where(eq(repository.name, name))
    if (!row) throw new Error('no repository')
    const filename = `${name}-${text}-1-1.noarch.rpm`
    const parts = { name, epoch: 0, version: '1', release: '1', arch: 'noarch' }
    const digests = { sha256, unsigned_sha256: sha256, size_bytes: 100 }
    const [file] = await tx
      .insert(rpm)
      .values({ build_id: 1, filename, ...parts, ...digests, created_at: now })
      .returning()
    const hashes = { md5: '', sha1: '', sha256, sha512: '' }
    const [made] = await tx
      .insert(generation)
      .values({
        ...{ repository_id: row.id, timestamp_s: Math.floor(now / 1000), size_bytes: body.length },
        ...{ hashes, files: [], packages: 1, push_id: ++pushes },
        ...{ created_at: now, published_at: now },
      })
      .returning()
    if (!made || !file) throw new Error('no generation')
    await tx
      .update(repository_rpm)
      .set({ to_generation: made.id })
      .where(and(eq(repository_rpm.repository_id, row.id), isNull(repository_rpm.to_generation)))
    await tx
      .insert(repository_rpm)
      .values({ repository_id: row.id, rpm_id: file.id, from_generation: made.id })
    await tx.update(repository).set({ generation_id: made.id }).where(eq(repository.id, row.id))
    return made.id
  })
}

export type Play = (request: http.IncomingMessage, response: http.ServerResponse) => void

export interface MirrorServer {
  /** Beginning of the tree, with a slash at its end. */
  url: string
  /** host:port */
  place: string
  requests: { method: string; url: string; agent: string; conditional: boolean }[]
  play: Play
  stop(): Promise<void>
}

/** A server that does what `play` says, which tests may change at any time. */
export async function serve(
  play: Play,
  options: { host?: string; tls?: { key: string; cert: string } } = {},
): Promise<MirrorServer> {
  const listener: Play = (request, response) => {
    const { method = '', url = '', headers } = request
    const conditional = headers['if-none-match'] !== undefined
    made.requests.push({ method, url, agent: headers['user-agent'] ?? '', conditional })
    made.play(request, response)
  }
  const server = options.tls
    ? https.createServer(options.tls, listener)
    : http.createServer(listener)
  const host = options.host ?? '127.0.0.1'
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const made: MirrorServer = {
    url: `http${options.tls ? 's' : ''}://${place}/pub/`,
    place,
    requests: [],
    play,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return made
}

/** A mirror that has these texts as repomd.xml by repository, and every package at 100 bytes. */
export function tree(texts: Record<string, string>): Play {
  return (request, response) => {
    const name = request.url?.split('/')[4] ?? ''
    if (request.url?.includes('/Packages/')) {
      response.writeHead(200, { 'Content-Length': 100 })
      response.end(request.method === 'HEAD' ? undefined : Buffer.alloc(100))
      return
    }
    const text = request.url?.endsWith('/repodata/repomd.xml') ? texts[name] : undefined
    if (text === undefined) {
      response.writeHead(404).end()
      return
    }
    const etag = `"${text}"`
    if (request.headers['if-none-match'] === etag) response.writeHead(304, { ETag: etag }).end()
    else response.writeHead(200, { ETag: etag }).end(repomd(text))
  }
}

/** What a sign-up form would hold, as parsed. */
export function mirrorData(
  name: string,
  url: string,
  change: Record<string, unknown> = {},
): MirrorInput {
  const { host } = new URL(url)
  const base = { name, urls: [url], country: 'DE', bandwidth_mbps: 1000, ipv6: false }
  return mirrorInput([host]).parse({ ...base, ...change })
}

export const siteData = (name = 'Harbour University') => ({
  name,
  url: '',
  contacts: ['noc@harbour.example'],
})

/** A mirror that ann signed up and that counts as proved. */
export async function provedMirror(app: TestApp, mirror: MirrorInput): Promise<HostRow> {
  const ann = ctxOf(app, personActor(1, 'ann'))
  const row = await signUpMirror(ann, { site: siteData(), mirror })
  const [proved] = await transaction({ app }, (tx) =>
    tx
      .update(mirror_host)
      .set({ state: 'active', proved_at: app.clock.now() })
      .where(eq(mirror_host.id, row.id))
      .returning(),
  )
  if (!proved) throw new Error('no mirror')
  return proved
}
