/** One round of crawls over many mirrors on loopback: how long, how much memory, and never past a budget. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isNull } from 'drizzle-orm'
import { mirror_check, mirror_host, mirror_repository } from '../../db/schema/mirrors.ts'
import { WORKER_FLAGS } from '../../src/commands/up.ts'
import { root } from '../../src/kernel/paths.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { HOST_REQUESTS_AT_ONCE } from '../../src/mirrors/budget.ts'
import { addMirror } from '../../src/mirrors/hosts.ts'
import { mirrorInput } from '../../src/mirrors/mirror.ts'
import { addSite } from '../../src/mirrors/sites.ts'
import { publish, siteData } from '../support/mirror-world.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'
import { until } from '../support/until.ts'
import type { Figure } from './report.ts'

const MIRRORS = 500
const REPOSITORIES = 20

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

/** The worker program itself, on the app's database. */
function startWorker(app: TestApp, places: string[]): ChildProcess {
  const env = {
    ...process.env,
    SLIPWAY_DATA: app.config.data_dir,
    SLIPWAY_URL: app.config.url,
    SLIPWAY_PRIVATE_MIRRORS: places.join(','),
    // There is no release to push here, and the worker would say so again and again.
    LOG_LEVEL: 'silent',
    ...(app.config.database_url && { DATABASE_URL: app.config.database_url }),
  }
  const args = [...WORKER_FLAGS, join(root, 'src/worker.ts')]
  return spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
}

function memoryMib(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
}

/** Makes all mirrors due and waits until the worker has looked at each. @returns seconds it took */
async function crawlRound(app: TestApp): Promise<number> {
  await transaction({ app }, (tx) => tx.update(mirror_host).set({ crawled_at: null }))
  const waiting = () => app.db.$count(mirror_host, isNull(mirror_host.crawled_at))
  await until('the first crawl', async () => (await waiting()) < MIRRORS, 60_000, 20)
  const started = performance.now()
  await until('all crawls', async () => (await waiting()) === 0, 180_000, 100)
  return (performance.now() - started) / 1000
}

export async function benchCrawl(): Promise<Figure[]> {
  const server = await startServer()
  const places = Array.from({ length: MIRRORS }, (_, at) => `${addressOf(at)}:${server.port}`)
  const app = await testApp({ env: { SLIPWAY_PRIVATE_MIRRORS: places.join(',') } })
  let worker: ChildProcess | undefined
  try {
    await prepare(app, server.port)
    worker = startWorker(app, places)
    const first_s = await crawlRound(app)
    const second_s = await crawlRound(app)
    const memory_mib = memoryMib(worker.pid)
    const seen = await app.db.select().from(mirror_repository)
    const fresh = seen.filter((each) => each.listed && each.outcome === 'fresh').length
    const { requests, most } = await server.counts()
    return [
      time('a crawl of', first_s),
      time('the next one, conditional, of', second_s),
      {
        name: 'most memory of the worker',
        value: `${memory_mib.toFixed(0)} MiB`,
        limit: '≤ 300 MB',
        holds: memory_mib * 1.048576 <= 300,
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
    worker?.kill('SIGKILL')
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
