/** Figures about mirrors: propagation, punctuality, machines counted; and what may be sent to count them. */
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mirror_arrival, mirror_host } from '../../db/schema/mirrors.ts'
import { task } from '../../db/schema/tasks.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/clock.ts'
import type { Actor } from '../../src/kernel/context.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { arrivedPushes, punctualityOf, spreadOf } from '../../src/mirrors/arrival.ts'
import { addCounts } from '../../src/mirrors/counts.ts'
import { createCrawler } from '../../src/mirrors/crawler.ts'
import { crawlHost, queueDueCrawls } from '../../src/mirrors/crawls.ts'
import { type HostRow, proveMirror } from '../../src/mirrors/hosts.ts'
import { propagation, punctualities } from '../../src/mirrors/propagation.ts'
import { statistics } from '../../src/mirrors/statistics.ts'
import { purgeCrawls } from '../../src/mirrors/tasks.ts'
import { createPortal } from '../../src/portal.ts'
import { claimTask } from '../../src/tasks/leases.ts'
import { finishTask } from '../../src/tasks/tasks.ts'
import {
  type MirrorServer,
  mirrorData,
  provedMirror,
  publish,
  serve,
  tree,
} from '../support/mirror-world.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
const servers: MirrorServer[] = []
beforeEach(async () => {
  app = await testApp()
})
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()))
  await app.end()
})

async function mirror(name: string): Promise<{ host: HostRow; server: MirrorServer }> {
  const server = await serve(tree({}))
  servers.push(server)
  return { server, host: await provedMirror(app, mirrorData(name, server.url)) }
}

async function crawl(host: HostRow) {
  const made = createCrawler(app, { limits: { connect_ms: 1500, request_ms: 2500 } })
  const private_mirrors = servers.map((server) => server.place)
  const write = <T>(work: Parameters<typeof transaction<T>>[1]) => transaction({ app }, work)
  const crawler = { ...made, fetch: { ...made.fetch, private_mirrors } }
  await crawlHost(ctxOf(app), crawler, { host_id: host.id, write })
}

describe('propagation', () => {
  it('is the minutes until a share of the mirrors was first seen with all of a push', async () => {
    const mirrors = [await mirror('a.example.org'), await mirror('b.example.org')]
    app.clock.advance(MINUTE_MS)
    await publish(app, 'baseos-10', 'one')
    for (const { server, host } of mirrors) {
      server.play = tree({ 'baseos-10': 'one' })
      app.clock.advance(20 * MINUTE_MS)
      await crawl(host)
      await crawl(host)
    }
    const [push] = await propagation(ctxOf(app))
    expect(push?.spread).toEqual({
      mirrors: 2,
      minutes: [20, 40],
      until: [
        { share: 50, minutes: 20 },
        { share: 90, minutes: 40 },
        { share: 99, minutes: 40 },
      ],
    })
    expect(await app.db.$count(mirror_arrival)).toBe(2)
    const answer = await createPortal(app).request('/api/mirrors/propagation')
    expect(await answer.json()).toMatchObject({ items: [{ mirrors: 2, arrived: 2 }] })
    const one = await createPortal(app).request('/api/mirrors/a.example.org')
    expect(await one.json()).toMatchObject({
      addresses: [{ protocol: 'http', listed: true, outcome: 'fresh' }],
      punctuality: { pushes: 1, arrived: 1, mean_minutes: 20 },
    })
  })

  it('leaves out pushes from before a mirror was there, and counts one that jumped over a push', async () => {
    await publish(app, 'baseos-10', 'one')
    app.clock.advance(HOUR_MS)
    const { server, host } = await mirror('a.example.org')
    app.clock.advance(HOUR_MS)
    await publish(app, 'baseos-10', 'two')
    app.clock.advance(HOUR_MS)
    await publish(app, 'baseos-10', 'three')
    server.play = tree({ 'baseos-10': 'three' })
    await crawl(host)
    const spreads = (await propagation(ctxOf(app))).map((push) => push.spread)
    expect(spreads.map(({ mirrors, minutes }) => [mirrors, minutes])).toEqual([
      [1, [0]],
      [1, [60]],
      [0, []],
    ])
    expect((await punctualities(ctxOf(app))).get(host.id)).toMatchObject({ pushes: 2, arrived: 2 })
  })

  it('waits for every repository that a push changed', () => {
    const generation = (id: number, push_id: number) => ({ id, push_id, published_at: push_id })
    const repositories = [
      { id: 1, generations: [generation(12, 2), generation(10, 1)] },
      { id: 2, generations: [generation(13, 2), generation(11, 1)] },
    ]
    const has = (a: number, b: number) =>
      arrivedPushes(
        repositories,
        new Map([
          [1, { generation_id: a }],
          [2, { generation_id: b }],
        ]),
        0,
      )
    expect(has(12, 13)).toEqual([2, 1])
    expect(has(12, 11)).toEqual([1])
    expect(has(12, 0)).toEqual([])
  })

  it('tells no share that was not reached, and no score without an arrival', () => {
    expect(spreadOf(4, 0, [MINUTE_MS, 3 * MINUTE_MS]).until.map((each) => each.minutes)).toEqual([
      3,
      null,
      null,
    ])
    expect(spreadOf(0, 0, []).until.map((each) => each.minutes)).toEqual([null, null, null])
    expect(punctualityOf(3, [])).toMatchObject({ pushes: 3, arrived: 0, score: null })
    // Mean 60, deviation 30, half of the pushes: 1.5 hours over 0.5.
    expect(punctualityOf(4, [30, 90]).score).toBeCloseTo(3)
  })
})

describe('counts', () => {
  const edge: Actor = {
    ...personActor(1, 'edge-keeper', ['member', 'admin']),
    scopes: ['edge'],
  } as Actor

  it('need a token for that and nothing more', async () => {
    const counts = { countme: {}, answers: { '2026-01-05\tbaseos-10\tDE': 3 } }
    await addCounts(ctxOf(app, edge), counts)
    const other = { ...edge, scopes: ['read', 'vote', 'package', 'admin'] } as Actor
    await expect(addCounts(ctxOf(app, other), counts)).rejects.toMatchObject({
      code: 'account.scope-missing',
    })
    const { host } = await mirror('a.example.org')
    await expect(proveMirror(ctxOf(app, edge), host.name)).rejects.toMatchObject({
      code: 'account.scope-missing',
    })
  })

  it('become machines by week, those of the largest repository of each architecture', async () => {
    const key = (repository: string, arch: string, bucket: number) =>
      `2026-01-05\t${repository}\t${arch}\t${bucket}`
    await addCounts(ctxOf(app, edge), {
      countme: {
        [key('baseos-10', 'x86_64', 1)]: 5,
        [key('baseos-10', 'x86_64', 4)]: 20,
        [key('appstream-10', 'x86_64', 4)]: 22,
        [key('baseos-10', 'aarch64', 2)]: 3,
      },
      answers: { '2026-01-05\tbaseos-10\tDE': 3, '2026-01-04\tbaseos-10\tFR': 9 },
    })
    expect(await statistics(ctxOf(app))).toEqual({
      weeks: [
        {
          ...{ week: '2026-01-05', machines: 28, ages: [5, 3, 0, 20] },
          arches: { x86_64: 25, aarch64: 3 },
        },
      ],
      countries: [
        { country: 'FR', count: 9 },
        { country: 'DE', count: 3 },
      ],
      days: 30,
    })
  })
})

describe('upkeep', () => {
  it('lets a mirror be looked at for its proof only so often', async () => {
    const { host } = await mirror('a.example.org')
    const ann = ctxOf(app, personActor(1, 'ann'))
    const crawler = createCrawler(app)
    for (let n = 0; n < 10; n++)
      await expect(proveMirror(ann, host.name, crawler)).rejects.toMatchObject({
        code: 'mirror.refused',
      })
    await expect(proveMirror(ann, host.name, crawler)).rejects.toMatchObject({
      code: 'rate.limited',
    })
  })

  it('forgets crawls a day after their end, and no other task', async () => {
    const { host } = await mirror('a.example.org')
    await queueDueCrawls(ctxOf(app))
    const claimer = { name: 'test', channels: ['worker-crawl'], arches: ['noarch'] }
    const claimed = await claimTask(app, claimer)
    await transaction({ app }, (tx) =>
      finishTask(tx, ctxOf(app), claimed?.id ?? 0, claimed?.lease ?? '', {
        kind: 'closed',
        result: null,
      }),
    )
    expect(await purgeCrawls(ctxOf(app))).toBe(0)
    app.clock.advance(DAY_MS + 1)
    await transaction({ app }, (tx) =>
      tx.update(mirror_host).set({ crawled_at: null }).where(eq(mirror_host.id, host.id)),
    )
    await queueDueCrawls(ctxOf(app))
    expect(await purgeCrawls(ctxOf(app))).toBe(1)
    expect((await app.db.select().from(task)).map((row) => row.state)).toEqual([0])
  })
})
