/** The crawler over rsync and FTP beside HTTP, against real daemons on loopback and hostile ones. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mirror_check, mirror_repository, mirror_url } from '../../db/schema/mirrors.ts'
import { HOUR_MS, MINUTE_MS } from '../../src/kernel/clock.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { judgeAddress, type Look } from '../../src/mirrors/crawl.ts'
import { type Crawler, createCrawler } from '../../src/mirrors/crawler.ts'
import { crawlHost } from '../../src/mirrors/crawls.ts'
import { changeMirror, type HostRow } from '../../src/mirrors/hosts.ts'
import { mirrorInput } from '../../src/mirrors/mirror.ts'
import { makeSnapshot } from '../../src/mirrors/snapshots.ts'
import {
  type FileDaemon,
  type FtpPlay,
  serveFtp,
  serveRsync,
  writeTree,
} from '../support/file-daemons.ts'
import { provedMirror, publish, repomd, serve, tree } from '../support/mirror-world.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let folder: string
let own: string[]
const ends: (() => Promise<unknown>)[] = []

const OS = 'keel/10/baseos-10/x86_64/os'
const files = (text: string) => ({
  [`${OS}/repodata/repomd.xml`]: repomd(text),
  [`${OS}/Packages/b/baseos-10-${text}-1-1.noarch.rpm`]: Buffer.alloc(100),
})

beforeEach(async () => {
  app = await testApp()
  folder = mkdtempSync(join(tmpdir(), 'slipway-mirror-'))
  own = []
  await publish(app, 'baseos-10', 'one')
  writeTree(folder, files('one'))
})
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
  rmSync(folder, { recursive: true, force: true })
  await app.end()
})

function kept<T extends FileDaemon>(daemon: T): T {
  ends.push(() => daemon.stop())
  own.push(daemon.place)
  return daemon
}

/** A good mirror over HTTP that has these other addresses too. */
async function mirrorWith(...others: string[]): Promise<HostRow> {
  const web = kept(await serve(tree({ 'baseos-10': 'one' })))
  const base = { name: 'mirror.harbour.example', country: 'DE', bandwidth_mbps: 1000, ipv6: false }
  return provedMirror(app, mirrorInput(own).parse({ ...base, urls: [web.url, ...others] }))
}

async function crawl(host: HostRow, change: Partial<Crawler> = {}) {
  const limits = { connect_ms: 1500, request_ms: 2500, body_bytes: 50_000 }
  const made = createCrawler(app, { limits })
  const crawler = { ...made, fetch: { ...made.fetch, private_mirrors: own }, ...change }
  const write = <T>(work: Parameters<typeof transaction<T>>[1]) => transaction({ app }, work)
  await crawlHost(ctxOf(app), crawler, { host_id: host.id, write })
}

async function addresses() {
  const rows = await app.db.select().from(mirror_url)
  return Object.fromEntries(
    rows.map((row) => [row.protocol, [row.listed, row.reason?.code ?? row.outcome]]),
  )
}

/** Protocols that edges may tell of. */
async function offered(): Promise<string[]> {
  const { mirrors } = await makeSnapshot(app)
  return mirrors[0]?.urls.map((each) => each.protocol) ?? []
}

describe('every address', () => {
  it('is looked at, offered from its first success on, and has evidence of its own', async () => {
    const rsync = kept(await serveRsync(folder))
    const ftp = kept(await serveFtp(folder))
    const host = await mirrorWith(`rsync://${rsync.place}/pub/`, `ftp://${ftp.place}/`)
    expect(await offered()).toEqual([])
    await crawl(host)
    expect(await addresses()).toEqual({
      http: [true, 'fresh'],
      rsync: [true, 'fresh'],
      ftp: [true, 'fresh'],
    })
    expect(await offered()).toEqual(['http', 'ftp', 'rsync'])
    const checks = await app.db.select().from(mirror_check)
    expect(checks.map(({ protocol, outcome }) => [protocol, outcome]).sort()).toEqual([
      ['ftp', 'fresh'],
      ['http', 'fresh'],
      ['rsync', 'fresh'],
    ])
    expect(ftp.commands).toContain(
      'SIZE keel/10/baseos-10/x86_64/os/Packages/b/baseos-10-one-1-1.noarch.rpm',
    )
    expect(ftp.connections).toBe(1)
  })

  it('stays as it was known when a crawl had no time for it, over FTP as over HTTP', async () => {
    const ftp = kept(await serveFtp(folder))
    const host = await mirrorWith(`ftp://${ftp.place}/`)
    await crawl(host)
    for (let round = 0; round < 4; round++) {
      app.clock.advance(HOUR_MS)
      await crawl(host, { host_ms: 0 })
    }
    expect(await addresses()).toEqual({ http: [true, 'fresh'], ftp: [true, 'fresh'] })
    const checks = await app.db.select().from(mirror_check)
    expect(checks.map(({ outcome, count }) => [outcome, count])).toEqual([
      ['fresh', 1],
      ['fresh', 1],
    ])
  })

  it('that is dead is not offered, and the others stay', async () => {
    const rsync = kept(await serveRsync(folder))
    const host = await mirrorWith(`rsync://${rsync.place}/pub/`)
    await crawl(host)
    await rsync.stop()
    for (let minute = 0; minute <= 130; minute += 10) {
      app.clock.advance(10 * MINUTE_MS)
      await crawl(host)
    }
    expect(await addresses()).toEqual({
      http: [true, 'fresh'],
      rsync: [false, 'mirror.fault.refused'],
    })
    expect(await offered()).toEqual(['http'])
    expect((await app.db.select().from(mirror_repository))[0]).toMatchObject({ listed: true })
  })

  it('that is late, lacks files or has wrong ones is told apart from the web address', async () => {
    app.clock.advance(HOUR_MS)
    const late = mkdtempSync(join(folder, 'late-'))
    writeTree(late, files('one'))
    await publish(app, 'baseos-10', 'two')
    const forged = mkdtempSync(join(folder, 'forged-'))
    writeTree(forged, files('forged'))
    const rsync = kept(await serveRsync(late))
    const ftp = kept(await serveFtp(forged))
    const host = await mirrorWith(`rsync://${rsync.place}/pub/`, `ftp://${ftp.place}/`)
    const web = kept(await serve(tree({ 'baseos-10': 'two' })))
    await transaction({ app }, (tx) =>
      tx.update(mirror_url).set({ url: web.url }).where(eq(mirror_url.protocol, 'http')),
    )
    await crawl(host)
    expect(await addresses()).toEqual({
      http: [true, 'fresh'],
      rsync: [false, 'mirror.late'],
      ftp: [false, 'mirror.unknown-metadata'],
    })
    writeTree(late, { [`${OS}/repodata/repomd.xml`]: repomd('two') })
    rmSync(join(forged, OS), { recursive: true })
    await crawl(host)
    expect(await addresses()).toMatchObject({
      rsync: [false, 'mirror.package-missing'],
      ftp: [false, 'mirror.file-missing'],
    })
    writeTree(late, files('two'))
    writeTree(forged, files('two'))
    await crawl(host)
    expect(await offered()).toEqual(['http', 'ftp', 'rsync'])
    writeTree(late, { [`${OS}/Packages/b/baseos-10-two-1-1.noarch.rpm`]: 'short' })
    await crawl(host)
    expect(await addresses()).toMatchObject({ rsync: [false, 'mirror.package-size'] })
  })

  it('over rsync stays as it is where this machine has no rsync', async () => {
    const rsync = kept(await serveRsync(folder))
    const host = await mirrorWith(`rsync://${rsync.place}/pub/`)
    await crawl(host)
    const path = process.env.PATH
    process.env.PATH = join(folder, 'empty')
    try {
      await crawl(host)
    } finally {
      process.env.PATH = path
    }
    expect(await addresses()).toEqual({ http: [true, 'fresh'], rsync: [true, 'fresh'] })
    expect(await app.db.$count(mirror_check)).toBe(2)
  })

  it('in a private network is never connected to unless the operator names it', async () => {
    const rsync = kept(await serveRsync(folder))
    const ftp = kept(await serveFtp(folder))
    const host = await mirrorWith(`rsync://${rsync.place}/pub/`, `ftp://${ftp.place}/`)
    own = own.filter((place) => place !== ftp.place && place !== rsync.place)
    await crawl(host)
    expect(await addresses()).toEqual({
      http: [true, 'fresh'],
      rsync: [false, 'mirror.fault.private'],
      ftp: [false, 'mirror.fault.private'],
    })
    expect(ftp.connections).toBe(0)
  })

  it('is looked at over IPv6 by its number too', async () => {
    const rsync = kept(await serveRsync(folder, '::1'))
    const ftp = kept(await serveFtp(folder, undefined, '::1'))
    const web = kept(await serve(tree({ 'baseos-10': 'one' }), { host: '::1' }))
    const urls = [web.url, `rsync://${rsync.place}/pub/`, `ftp://${ftp.place}/`]
    const base = { name: 'six.harbour.example', country: 'DE', bandwidth_mbps: 1, ipv4: false }
    await crawl(await provedMirror(app, mirrorInput(own).parse({ ...base, urls })))
    expect(Object.values(await addresses())).toEqual(Array(3).fill([true, 'fresh']))
    const families = (await app.db.select().from(mirror_check)).map((each) => each.family)
    expect(families).toEqual([6, 6, 6])
  })

  it('keeps what is known of it when something else of the mirror changes', async () => {
    const ftp = kept(await serveFtp(folder))
    const host = await mirrorWith(`ftp://${ftp.place}/`)
    await crawl(host)
    const urls = (await app.db.select().from(mirror_url)).map((each) => each.url)
    const ann = ctxOf(app, personActor(1, 'ann'))
    const base = { name: host.name, country: 'FR', bandwidth_mbps: 10, ipv6: false }
    await changeMirror(ann, host.name, mirrorInput(own).parse({ ...base, urls }))
    expect(await offered()).toEqual(['http', 'ftp'])
    const moved = [...urls.filter((url) => url.startsWith('http')), `ftp://${ftp.place}/else/`]
    await changeMirror(ann, host.name, mirrorInput(own).parse({ ...base, urls: moved }))
    expect(await offered()).toEqual(['http'])
  })
})

describe('a hostile server', () => {
  const ftpPlays: Record<string, [FtpPlay, string]> = {
    'that never greets': [
      (line) => (line === 'connect' ? '220-wait' : undefined),
      'mirror.fault.timeout',
    ],
    'that refuses anonymous visitors': [
      (line) => (line.startsWith('PASS') ? '530 Members only.' : undefined),
      'mirror.fault.protocol',
    ],
    'that names another host for the data': [
      (line) =>
        line === 'EPSV' ? '500 What?' : line === 'PASV' ? '227 Passive (10,0,0,1,0,22)' : undefined,
      'mirror.fault.broken',
    ],
    'that talks without end': [
      (line, socket) => {
        if (line !== 'connect') return undefined
        const pour = () => {
          while (!socket.destroyed && socket.write(`220-${'x'.repeat(8000)}\r\n`));
          if (!socket.destroyed) socket.once('drain', pour)
        }
        pour()
        return ''
      },
      'mirror.fault.broken',
    ],
    'that hangs up': [
      (_, socket) => {
        socket.destroy()
        return ''
      },
      'mirror.fault.broken',
    ],
  }
  for (const [name, [play, code]] of Object.entries(ftpPlays))
    it(`over FTP ${name} costs little and says why`, async () => {
      const ftp = kept(await serveFtp(folder, play))
      const host = await mirrorWith(`ftp://${ftp.place}/`)
      const started = performance.now()
      await crawl(host)
      expect(performance.now() - started).toBeLessThan(6000)
      expect(await addresses()).toEqual({ http: [true, 'fresh'], ftp: [false, code] })
    })

  it('with an endless file is cut off, over FTP and rsync', async () => {
    writeTree(folder, { [`${OS}/repodata/repomd.xml`]: Buffer.alloc(3_000_000, 'x') })
    const ftp = kept(await serveFtp(folder))
    const rsync = kept(await serveRsync(folder))
    await crawl(await mirrorWith(`ftp://${ftp.place}/`, `rsync://${rsync.place}/pub/`))
    expect(await addresses()).toEqual({
      http: [true, 'fresh'],
      ftp: [false, 'mirror.fault.too-large'],
      rsync: [false, 'mirror.file-missing'],
    })
  })

  const rsyncPlays: Record<string, [(write: (text: string) => void) => void, RegExp]> = {
    'that is silent': [() => {}, /mirror\.fault\.(timeout|connect-timeout)/],
    'that speaks no rsync': [
      (write) => write('HTTP/1.1 400 Bad\r\n\r\n'),
      /mirror\.fault\.(protocol|broken)/,
    ],
    'that refuses the module': [
      (write) => write('@RSYNCD: 31.0\n@ERROR: Unknown module\n'),
      /mirror\.fault\.protocol/,
    ],
  }
  for (const [name, [play, code]] of Object.entries(rsyncPlays))
    it(`over rsync ${name} costs little and says why`, async () => {
      const place = await speak(play)
      const host = await mirrorWith(`rsync://${place}/pub/`)
      const started = performance.now()
      await crawl(host)
      expect(performance.now() - started).toBeLessThan(10_000)
      const { rsync } = await addresses()
      expect(rsync?.[0]).toBe(false)
      expect(rsync?.[1]).toMatch(code)
    })

  /** A server of raw bytes. @returns host:port */
  async function speak(play: (write: (text: string) => void) => void): Promise<string> {
    const server: Server = createServer((socket) => {
      socket.on('error', () => {})
      ends.push(async () => socket.destroy())
      play((text) => socket.write(text))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    ends.push(async () => server.close())
    const address = server.address()
    const place = `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
    own.push(place)
    return place
  }
})

describe('an address measured by its mirror', () => {
  const look = (outcome: Look['outcome'], family: 4 | 6 = 4): Look => ({
    ...{ family, outcome, took_ms: 1, generation_id: 0 },
    ...(outcome !== 'fresh' && { reason: { code: `mirror.${outcome}`, params: {} } }),
  })
  const judge = (own: Look[], best: Look[]) =>
    judgeAddress(new Map([[1, own]]), new Map([[1, best]]))?.outcome

  it('must have what the others have, over each family', () => {
    expect(judge([look('fresh')], [look('fresh')])).toBe('fresh')
    expect(judge([look('stale')], [look('fresh')])).toBe('stale')
    expect(judge([look('fresh'), look('down', 6)], [look('fresh'), look('fresh', 6)])).toBe('down')
    expect(judge([look('fresh'), look('down', 6)], [look('fresh'), look('down', 6)])).toBe('fresh')
  })

  it('is as good as a late mirror while it answers', () => {
    expect(judge([look('stale')], [look('stale')])).toBe('fresh')
    expect(judge([look('down')], [look('stale')])).toBe('down')
  })
})
