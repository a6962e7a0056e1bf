/** One round of crawls over many mirrors on loopback: how long, how much memory, and never past a budget. */
import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { mirror_check, mirror_host, mirror_repository } from '../../db/schema/mirrors.ts'
import { taskHandlers } from '../../src/app.ts'
import { root } from '../../src/kernel/paths.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { HOST_REQUESTS_AT_ONCE } from '../../src/mirrors/budget.ts'
import { CRAWL_CHANNEL, queueDueCrawls } from '../../src/mirrors/crawls.ts'
import { addMirror } from '../../src/mirrors/hosts.ts'
import { mirrorInput } from '../../src/mirrors/mirror.ts'
import { addSite } from '../../src/mirrors/sites.ts'
import { runTask } from '../../src/tasks/runner.ts'
import { claimTask } from '../../src/tasks/tasks.ts'
import { publish, siteData } from '../support/mirror-world.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'
import type { Figure } from './report.ts'

const MIRRORS = 500
const REPOSITORIES = 20
const CLAIMERS = 12

/** An address of its own in 127.0.0.0/8 for each mirror, all of one server. */
const addressOf = (at: number) => `127.1.${Math.floor(at / 250)}.${(at % 250) + 1}`
const repositoryOf = (at: number) => `repo${at}-10`

interface Server {
  port: number
  /** Requests, and the most at once to one mirror. */
  counts(): Promise<{ requests: number; most: number }>
  stop(): void
}

async function startServer(): Promise<Server> {
  const child: ChildProcess = fork(join(root, 'tests/bench/crawl-server.ts'))
  const message = <T>() =>
    new Promise<T>((resolve) => child.once('message', (m) => resolve(m as T)))
  const { port } = await message<{ port: number }>()
  return {
    port,
    counts() {
      child.send('counts')
      return message<{ requests: number; most: number }>()
    },
    stop: () => child.kill('SIGKILL'),
  }
}

async function prepare(app: TestApp, port: number): Promise<void> {
  const ctx = ctxOf(app)
  for (let at = 0; at < REPOSITORIES; at++) await publish(app, repositoryOf(at), 'one')
  await transaction(ctx, async (tx) => {
    const site = await addSite(tx, ctx, siteData())
    for (let at = 0; at < MIRRORS; at++) {
      const place = `${addressOf(at)}:${port}`
      const own = { name: `mirror${at}.example.net`, urls: [`http://${place}/pub/`] }
      const input = { ...own, country: 'DE', bandwidth_mbps: 1000, ipv6: false }
      await addMirror(tx, ctx, site.id, mirrorInput([place]).parse(input))
    }
    await tx.update(mirror_host).set({ state: 'active', proved_at: 1 })
  })
}

async function claimAll(app: TestApp, name: string): Promise<void> {
  const claimer = { name, channels: [CRAWL_CHANNEL], arches: ['noarch'] }
  for (;;) {
    const task = await claimTask(app, claimer)
    if (!task) return
    await runTask(app, taskHandlers, task)
  }
}

function memoryMib(): number {
  const status = readFileSync('/proc/self/status', 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
}

async function crawlRound(app: TestApp): Promise<{ took_s: number; peak_mib: number }> {
  let peak_mib = 0
  const watch = setInterval(() => {
    peak_mib = Math.max(peak_mib, memoryMib())
  }, 100)
  const started = performance.now()
  await queueDueCrawls(ctxOf(app))
  await Promise.all(Array.from({ length: CLAIMERS }, (_, n) => claimAll(app, `bench:${n}`)))
  const took_s = (performance.now() - started) / 1000
  clearInterval(watch)
  return { took_s, peak_mib }
}

export async function benchCrawl(): Promise<Figure[]> {
  const server = await startServer()
  const places = Array.from({ length: MIRRORS }, (_, at) => `${addressOf(at)}:${server.port}`)
  const app = await testApp({ env: { SLIPWAY_PRIVATE_MIRRORS: places.join(',') } })
  try {
    await prepare(app, server.port)
    const first = await crawlRound(app)
    await sleep(100)
    app.clock.advance(600_000)
    const second = await crawlRound(app)
    const seen = await app.db.select().from(mirror_repository)
    const fresh = seen.filter((each) => each.listed && each.outcome === 'fresh').length
    const { requests, most } = await server.counts()
    return [
      time('a crawl of', first.took_s),
      time('the next one, conditional, of', second.took_s),
      {
        name: 'memory of the crawler and its database',
        value: `${Math.max(first.peak_mib, second.peak_mib).toFixed(0)} MiB`,
        limit: '≤ 300 MB',
        holds: Math.max(first.peak_mib, second.peak_mib) * 1.048576 <= 300,
      },
      {
        name: 'repositories on mirrors found fresh and listed',
        value: String(fresh),
        limit: `= ${MIRRORS * REPOSITORIES}`,
        holds: fresh === MIRRORS * REPOSITORIES,
      },
      {
        name: 'most requests at once to one mirror',
        value: `${most} of ${requests} requests in all`,
        limit: `≤ ${HOST_REQUESTS_AT_ONCE}`,
        holds: most <= HOST_REQUESTS_AT_ONCE,
      },
      {
        name: 'rows of evidence after two rounds',
        value: String(await app.db.$count(mirror_check)),
      },
    ]
  } finally {
    server.stop()
    await app.end()
  }
}

const time = (what: string, took_s: number): Figure => ({
  name: `${what} ${MIRRORS} mirrors with ${REPOSITORIES} repositories`,
  value: `${took_s.toFixed(1)} s`,
  limit: '≤ 60 s',
  holds: took_s <= 60,
})
