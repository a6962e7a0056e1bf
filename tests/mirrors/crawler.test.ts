/** The crawler against real servers on loopback: good, late, wrong, slow, dead and hostile ones. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { event, mail } from '../../db/schema/kernel.ts'
import { mirror_check, mirror_host, mirror_repository } from '../../db/schema/mirrors.ts'
import { HOUR_MS, MINUTE_MS } from '../../src/kernel/clock.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { HostBudget } from '../../src/mirrors/budget.ts'
import { type Crawler, createCrawler } from '../../src/mirrors/crawler.ts'
import { crawlHost, EVIDENCE_MS, purgeChecks, queueDueCrawls } from '../../src/mirrors/crawls.ts'
import { fetchBounded } from '../../src/mirrors/fetcher.ts'
import {
  changeMirrorState,
  type HostRow,
  proveMirror,
  setMaintenance,
} from '../../src/mirrors/hosts.ts'
import {
  type MirrorServer,
  mirrorData,
  type Play,
  provedMirror,
  publish,
  serve,
  tree,
} from '../support/mirror-world.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

/** 20 MB of zeros, packed. */
const bomb = gzipSync(Buffer.alloc(20_000_000))

let app: TestApp
const servers: MirrorServer[] = []
const own: string[] = []

beforeEach(async () => {
  app = await testApp()
  await publish(app, 'baseos-10', 'one')
})
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()))
  own.length = 0
  await app.end()
})

async function start(play: Play, options: Parameters<typeof serve>[1] = {}): Promise<MirrorServer> {
  const server = await serve(play, options)
  servers.push(server)
  own.push(server.place)
  return server
}

/** Short waits, and only the servers of this test among private addresses. */
function crawler(change: Partial<Crawler> = {}): Crawler {
  const limits = { connect_ms: 1500, request_ms: 2500, body_bytes: 50_000 }
  const made = createCrawler(app, { limits })
  return { ...made, fetch: { ...made.fetch, private_mirrors: own }, ...change }
}

async function crawl(host: HostRow, means = crawler()) {
  const write = <T>(work: Parameters<typeof transaction<T>>[1]) => transaction({ app }, work)
  return crawlHost(ctxOf(app), means, { host_id: host.id, write })
}

/** Signs a mirror up, crawls it once and says what came of it. */
async function outcomeOf(url: string, change: Record<string, unknown> = {}, means = crawler()) {
  const host = await provedMirror(app, mirrorData('mirror.harbour.example', url, change))
  await crawl(host, means)
  const [state] = await app.db.select().from(mirror_repository)
  return state
}

const late = async () => {
  app.clock.advance(HOUR_MS)
  await publish(app, 'baseos-10', 'two')
  app.clock.advance(30 * MINUTE_MS)
}

describe('a mirror that is far away and has many repositories', () => {
  const names = Array.from({ length: 12 }, (_, n) => `far${n}-10`)
  const texts = Object.fromEntries([['baseos-10', 'one'], ...names.map((name) => [name, 'one'])])
  /** Each answer takes its time, so one crawl of `host_ms` gets through to a few repositories. */
  const far =
    (play: Play): Play =>
    (request, response) => {
      setTimeout(() => play(request, response), 60)
    }
  const states = () => app.db.select().from(mirror_repository)

  beforeEach(async () => {
    for (const name of names) await publish(app, name, 'one')
  })

  it('is seen through to over some crawls, and loses nothing meanwhile', async () => {
    const server = await start(far(tree(texts)))
    const host = await provedMirror(app, mirrorData('far.harbour.example', server.url))
    const seen: number[] = []
    for (let round = 0; round < 40 && seen.at(-1) !== 13; round++) {
      await crawl(host, crawler({ host_ms: 300 }))
      const rows = await states()
      expect(rows.filter((row) => row.outcome !== 'fresh' || !row.listed)).toEqual([])
      seen.push(rows.length)
      app.clock.advance(HOUR_MS)
    }
    expect(seen[0]).toBeLessThan(13)
    expect(seen.at(-1)).toBe(13)
  })

  it('is called slow where it keeps us waiting itself', async () => {
    const server = await start(() => {})
    const host = await provedMirror(app, mirrorData('far.harbour.example', server.url))
    const limits = { connect_ms: 1500, request_ms: 200, body_bytes: 50_000 }
    const means = crawler({ host_ms: 300 })
    await crawl(host, {
      ...means,
      fetch: { ...means.fetch, limits: { ...means.fetch.limits, ...limits } },
    })
    const outcomes = new Set((await states()).map(({ outcome }) => outcome))
    expect([...outcomes]).toEqual(['slow'])
    expect(await states()).toHaveLength(13)
  })
})

describe('one look', () => {
  it('at a good mirror lists it, says who asks, and asks conditionally the next time', async () => {
    const server = await start(tree({ 'baseos-10': 'one' }))
    const host = await provedMirror(app, mirrorData('mirror.harbour.example', server.url))
    expect(await crawl(host)).toEqual({ fresh: 1, others: 0 })
    expect(server.requests[0]).toMatchObject({ method: 'GET', conditional: false })
    expect(server.requests[0]?.agent).toMatch(
      /^slipway-crawler\/\S+ \(\+http:\/\/portal\.test\/mirrors\)$/,
    )
    expect(server.requests.some((each) => each.method === 'HEAD')).toBe(true)
    const before = server.requests.length
    app.clock.advance(10 * MINUTE_MS)
    expect(await crawl(host)).toEqual({ fresh: 1, others: 0 })
    expect(server.requests[before]).toMatchObject({ conditional: true })
    const checks = await app.db.select().from(mirror_check)
    expect(checks).toMatchObject([{ outcome: 'fresh', count: 2, detail: '', family: 4 }])
    expect(checks[0]?.last_at).toBe(app.clock.now())
  })

  it('names a late mirror stale, and says by how much', async () => {
    const server = await start(tree({ 'baseos-10': 'one' }))
    await late()
    const state = await outcomeOf(server.url)
    expect(state).toMatchObject({ outcome: 'stale', listed: false })
    expect(state?.reason).toEqual({ code: 'mirror.late', params: { late_minutes: 30, pushes: 1 } })
  })

  it('knows a generation that was pushed after it read what there is', async () => {
    const server = await start(tree({ 'baseos-10': 'one' }))
    const host = await provedMirror(app, mirrorData('mirror.harbour.example', server.url))
    await crawl(host)
    await publish(app, 'baseos-10', 'two')
    server.play = tree({ 'baseos-10': 'two' })
    expect(await crawl(host)).toEqual({ fresh: 1, others: 0 })
  })

  it('names wrong metadata, missing metadata and wrong packages', async () => {
    const server = await start(tree({ 'baseos-10': 'forged' }))
    expect(await outcomeOf(server.url)).toMatchObject({
      outcome: 'corrupt',
      reason: { code: 'mirror.unknown-metadata' },
    })
    const [host] = await app.db.select().from(mirror_host)
    if (!host) throw new Error('no host')
    const reads = async (play: Play) => {
      server.play = play
      await crawl(host)
      const [state] = await app.db.select().from(mirror_repository)
      return [state?.outcome, state?.reason?.code]
    }
    expect(await reads(tree({}))).toEqual(['missing', 'mirror.status'])
    const good = tree({ 'baseos-10': 'one' })
    const packages =
      (answer: Play): Play =>
      (request, response) =>
        request.url?.includes('/Packages/') ? answer(request, response) : good(request, response)
    const gone = packages((_, response) => response.writeHead(404).end())
    expect(await reads(gone)).toEqual(['missing', 'mirror.package-missing'])
    const cut = packages((_, response) => response.writeHead(200, { 'Content-Length': 99 }).end())
    expect(await reads(cut)).toEqual(['corrupt', 'mirror.package-size'])
    expect(await reads(good)).toEqual(['fresh', undefined])
  })

  const hostile: Record<string, [Play, string, string]> = {
    'a slow one': [() => {}, 'slow', 'mirror.fault.timeout'],
    'one that drips': [
      (_, response) => {
        response.writeHead(200)
        const drip = setInterval(() => response.write('.'), 20)
        response.once('close', () => clearInterval(drip))
      },
      'slow',
      'mirror.fault.timeout',
    ],
    'one that never ends': [
      (_, response) => {
        response.writeHead(200)
        const pour = () => {
          while (!response.destroyed && response.write(Buffer.alloc(16_384, 'x')));
          if (!response.destroyed) response.once('drain', pour)
        }
        pour()
      },
      'corrupt',
      'mirror.fault.too-large',
    ],
    'a compressed bomb': [
      (_, response) => {
        response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(bomb)
      },
      'corrupt',
      'mirror.encoded',
    ],
    'a redirect loop': [
      (request, response) => response.writeHead(302, { Location: `${request.url}?` }).end(),
      'down',
      'mirror.fault.redirects',
    ],
    'a redirect into a private network': [
      (_, response) => response.writeHead(302, { Location: 'http://10.0.0.1:8080/' }).end(),
      'down',
      'mirror.fault.redirect-private',
    ],
    'a redirect to a name that is local': [
      (_, response) => response.writeHead(302, { Location: 'http://localhost:22/' }).end(),
      'down',
      'mirror.fault.redirect-private',
    ],
    'a redirect to a file': [
      (_, response) => response.writeHead(302, { Location: 'file:///etc/passwd' }).end(),
      'down',
      'mirror.fault.redirect-scheme',
    ],
    'a server error': [(_, response) => response.writeHead(503).end(), 'down', 'mirror.status'],
    'one that hangs up': [(request) => request.socket.destroy(), 'down', 'mirror.fault.broken'],
    'no HTTP at all': [
      (request) => request.socket.end('\u0000\u0001 nonsense\r\n\r\n'),
      'down',
      'mirror.fault.broken',
    ],
  }
  for (const [name, [play, outcome, code]] of Object.entries(hostile))
    it(`survives ${name}`, async () => {
      const server = await start(play)
      const started = performance.now()
      expect(await outcomeOf(server.url)).toMatchObject({ outcome, reason: { code } })
      expect(performance.now() - started).toBeLessThan(5000)
    })

  it('does not count its own queue against a mirror that redirects', async () => {
    const server = await start((request, response) => {
      const there = request.url?.endsWith('?there')
      const answer = () =>
        there
          ? response.writeHead(200).end('here')
          : response.writeHead(302, { Location: `${request.url}?there` }).end()
      setTimeout(answer, 100)
    })
    const { fetch, gate } = crawler()
    const budget = new HostBudget(gate, { at_once: 1 })
    const options = { ...fetch, limits: { ...fetch.limits, request_ms: 600 } }
    const request = { method: 'GET' as const, family: undefined }
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        fetchBounded(options, budget, { ...request, url: `${server.url}${n}` }),
      ),
    )
    budget.close()
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
  })

  it('asks a dead mirror once, however many repositories there are', async () => {
    for (let n = 0; n < 10; n++) await publish(app, `repo${n}-10`, 'one')
    const server = await start(tree({}))
    await server.stop()
    expect(await outcomeOf(server.url)).toMatchObject({
      outcome: 'down',
      reason: { code: 'mirror.fault.refused' },
    })
    expect(await app.db.$count(mirror_repository)).toBe(11)
  })

  it('never connects to a private address that it was not told of', async () => {
    const server = await start(tree({ 'baseos-10': 'one' }))
    const host = await provedMirror(app, mirrorData('mirror.harbour.example', server.url))
    own.length = 0
    await crawl(host)
    const [state] = await app.db.select().from(mirror_repository)
    expect(state).toMatchObject({ outcome: 'down', reason: { code: 'mirror.fault.private' } })
    expect(server.requests).toEqual([])
  })

  it('looks over IPv6 where that is all there is, and over both where there are both', async () => {
    const server = await start(tree({ 'baseos-10': 'one' }), { host: '::1' })
    expect(await outcomeOf(server.url, { ipv4: false, ipv6: true })).toMatchObject({
      outcome: 'fresh',
      fresh: 2,
    })
    const both = await start(tree({ 'baseos-10': 'one' }))
    const host = await provedMirror(
      app,
      mirrorData('both.harbour.example', both.url, { ipv6: true }),
    )
    await crawl(host)
    const states = await app.db.select().from(mirror_repository)
    expect(states.find((each) => each.host_id === host.id)).toMatchObject({
      outcome: 'fresh',
      fresh: 1,
      reason: { code: 'mirror.fault.no-address' },
    })
  })

  it('names TLS faults, and takes a certificate that an authority it knows vouches for', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-tls-'))
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
    const kind = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
    ]
    execFileSync('openssl', [...kind, '-keyout', key, '-out', cert, '-days', '2', ...subject], {
      stdio: 'ignore',
    })
    const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
    rmSync(folder, { recursive: true })
    const server = await start(tree({ 'baseos-10': 'one' }), { tls })
    const state = await outcomeOf(server.url)
    expect(state).toMatchObject({ outcome: 'down', reason: { code: 'mirror.fault.tls' } })
    expect(state?.reason?.params.detail).toMatch(/SELF_SIGNED/)
    const [host] = await app.db.select().from(mirror_host)
    if (host) await crawl(host, crawler({ ca: tls.cert }))
    expect((await app.db.select().from(mirror_repository))[0]).toMatchObject({ outcome: 'fresh' })
  })
})

describe('over time', () => {
  it('a failing mirror leaves after two hours, its contacts get one letter, and it comes back', async () => {
    const server = await start(tree({ 'baseos-10': 'one' }))
    await publish(app, 'appstream-10', 'one')
    server.play = tree({ 'baseos-10': 'one', 'appstream-10': 'one' })
    const host = await provedMirror(app, mirrorData('mirror.harbour.example', server.url))
    await crawl(host)
    server.play = tree({})
    for (let minute = 0; minute <= 150; minute += 10) {
      app.clock.advance(10 * MINUTE_MS)
      await crawl(host)
    }
    const states = await app.db.select().from(mirror_repository)
    expect(states.map((each) => each.listed)).toEqual([false, false])
    const letters = await app.db.select().from(mail)
    expect(letters).toHaveLength(1)
    expect(letters[0]).toMatchObject({ to: 'noc@harbour.example' })
    expect(letters[0]?.subject).toBe('mirror.harbour.example left the list for 2 repositories')
    expect(letters[0]?.body).toContain('- appstream-10 x86_64: It answered with status 404.')
    server.play = tree({ 'baseos-10': 'one', 'appstream-10': 'one' })
    app.clock.advance(10 * MINUTE_MS)
    await crawl(host)
    const back = await app.db.select().from(mirror_repository)
    expect(back.map((each) => [each.listed, each.fresh])).toEqual([
      [true, 1],
      [true, 1],
    ])
    const types = (await app.db.select().from(event)).map((each) => each.type)
    expect(types.filter((type) => /left|listed/.test(type))).toEqual([
      'mirror.listed',
      'mirror.left',
      'mirror.listed',
    ])
    const checks = await app.db.select().from(mirror_check)
    expect(checks.map((each) => [each.outcome, each.count]).sort()).toEqual([
      ...[
        ['fresh', 1],
        ['fresh', 1],
        ['fresh', 1],
        ['fresh', 1],
      ],
      ...[
        ['missing', 16],
        ['missing', 16],
      ],
    ])
  })

  it('maintenance and a pause beat any crawl, also one that is under way', async () => {
    const server = await start(tree({ 'baseos-10': 'one' }))
    const host = await provedMirror(app, mirrorData('mirror.harbour.example', server.url))
    await crawl(host)
    const ann = ctxOf(app, personActor(1, 'ann'))
    const now = app.clock.now()
    server.play = (_, response) => {
      setMaintenance(ann, host.name, { from: now, until: now + HOUR_MS, note: 'disks' }).then(() =>
        response.writeHead(500).end(),
      )
    }
    expect(await crawl(host, crawler())).toBeUndefined()
    expect((await app.db.select().from(mirror_repository))[0]).toMatchObject({
      listed: true,
      failures: 0,
    })
    const asked = server.requests.length
    expect(await crawl(host)).toBeUndefined()
    expect(await queueDueCrawls(ctxOf(app))).toBe(0)
    expect(server.requests.length).toBe(asked)
    app.clock.advance(HOUR_MS)
    expect(await queueDueCrawls(ctxOf(app))).toBe(1)
    await changeMirrorState(ann, host.name, 'pause')
    expect(await crawl(host)).toBeUndefined()
    expect(await queueDueCrawls(ctxOf(app))).toBe(0)
  })

  it('forgets evidence after a year', async () => {
    const server = await start(tree({ 'baseos-10': 'one' }))
    await outcomeOf(server.url)
    app.clock.advance(EVIDENCE_MS)
    expect(await purgeChecks(ctxOf(app))).toBe(0)
    app.clock.advance(1)
    expect(await purgeChecks(ctxOf(app))).toBe(1)
  })
})

describe('control of a mirror', () => {
  it('is proved by a file with the right line under its web address', async () => {
    const server = await start(tree({}))
    const ann = ctxOf(app, personActor(1, 'ann'))
    const host = await provedMirror(app, mirrorData('mirror.harbour.example', server.url))
    const refused = (code: string) => ({ code: 'mirror.refused', details: { reasons: [{ code }] } })
    await expect(proveMirror(ann, host.name, crawler())).rejects.toMatchObject(
      refused('mirror.proof-status'),
    )
    expect(server.requests.at(-1)?.url).toBe('/pub/.slipway-mirror/mirror.harbour.example.txt')
    server.play = (_, response) => response.end('something else')
    await expect(proveMirror(ann, host.name, crawler())).rejects.toMatchObject(
      refused('mirror.proof-differs'),
    )
    server.play = (_, response) => response.end(`${host.proof_token}\n`)
    const bob = ctxOf(app, personActor(2, 'bob'))
    await expect(proveMirror(bob, host.name, crawler())).rejects.toMatchObject({
      code: 'mirror.not-admin',
    })
    await proveMirror(ann, host.name, crawler())
  })
})
