/** The snapshot made again from the database after a change, and how soon an edge answers by it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import {
  mirror_host,
  mirror_netblock,
  mirror_repository,
  mirror_url,
} from '../../db/schema/mirrors.ts'
import { repository } from '../../db/schema/repos.ts'
import { WORKER_FLAGS } from '../../src/commands/up.ts'
import { root } from '../../src/kernel/paths.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { encodeSnapshot } from '../../src/mirrors/edge/snapshot.ts'
import { addMirror, changeMirrorState } from '../../src/mirrors/hosts.ts'
import { mirrorInput } from '../../src/mirrors/mirror.ts'
import { addSite } from '../../src/mirrors/sites.ts'
import { makeSnapshot } from '../../src/mirrors/snapshots.ts'
import { publish, siteData } from '../support/mirror-world.ts'
import { COUNTRIES, makeNetblock, numbers, type Sizes, writeNetblock } from '../support/mirrors.ts'
import { ctxOf, fakeClock, type TestApp, testApp } from '../support/test-app.ts'
import { until } from '../support/until.ts'
import { startEdge } from './edge.ts'
import type { Figure } from './report.ts'
import { startWeb } from './web.ts'

const SIZES: Sizes = { mirrors: 500, countries: 75, repositories: 350, netblocks: 900_000 }
/** In this country stands one mirror, so that a list of it shows whether that one is in. */
const LONELY = 'IS'
const NAME = 'mirror0.example.net'

/** Mirrors, repositories, their states and netblocks as rows. */
async function fill(app: TestApp): Promise<void> {
  const ctx = ctxOf(app)
  const random = numbers(5)
  for (let at = 0; at < SIZES.repositories; at++) await publish(app, `repo${at}-10`, 'one')
  const repositories = await app.db.select({ id: repository.id }).from(repository)
  const countries = COUNTRIES.slice(0, SIZES.countries).filter((each) => each !== LONELY)
  await transaction(ctx, async (tx) => {
    const site = await addSite(tx, ctx, siteData())
    for (let at = 0; at < SIZES.mirrors; at++) {
      const name = `mirror${at}.example.net`
      const country = at === 0 ? LONELY : (countries[at % countries.length] ?? 'DE')
      const own = { name, urls: [`https://${name}/pub/`], country, bandwidth_mbps: 1000 }
      const { id: host_id } = await addMirror(tx, ctx, site.id, mirrorInput([]).parse(own))
      const now = app.clock.now()
      const seen = { host_id, fresh: 3, outcome: 'fresh', listed: true, checked_at: now }
      await tx
        .insert(mirror_repository)
        .values(repositories.map(({ id }) => ({ ...seen, repository_id: id })))
      const cidrs = new Set<string>()
      while (cidrs.size < SIZES.netblocks / SIZES.mirrors)
        cidrs.add(writeNetblock(makeNetblock(SIZES, random)))
      const rows = Array.from(cidrs, (cidr) => ({ host_id, cidr }))
      for (let row = 0; row < rows.length; row += 500)
        await tx.insert(mirror_netblock).values(rows.slice(row, row + 500))
    }
    await tx.update(mirror_host).set({ state: 'active', proved_at: 1, ...NEVER_DUE })
    await tx.update(mirror_url).set({ listed: true })
  })
}

async function timed(app: TestApp): Promise<number> {
  const started = performance.now()
  encodeSnapshot(await makeSnapshot(app))
  return performance.now() - started
}

/** Nobody crawls these: they are no machines. Far in the future, so that none is ever due. */
const NEVER_DUE = { crawled_at: 2 ** 42 }

async function pause(app: TestApp, change: 'pause' | 'resume'): Promise<void> {
  app.clock.advance(60_000)
  await changeMirrorState(ctxOf(app), NAME, change)
  await transaction(ctxOf(app), (tx) => tx.update(mirror_host).set(NEVER_DUE))
}

async function addNetblock(app: TestApp): Promise<void> {
  await transaction(ctxOf(app), async (tx) => {
    const [host] = await tx
      .update(mirror_host)
      .set({ modified_at: app.clock.now() })
      .where(eq(mirror_host.name, NAME))
      .returning()
    await tx.insert(mirror_netblock).values({ host_id: host?.id ?? 0, cidr: '192.0.0.0/9' })
  })
  app.clock.advance(60_000)
}

/** Web, worker and an edge as they run in life. @returns seconds from the change's commit to the answer */
async function visible(app: TestApp): Promise<number[]> {
  const web = await startWeb(app)
  const env = { ...process.env, SLIPWAY_DATA: app.config.data_dir, SLIPWAY_URL: web.url }
  const args = [...WORKER_FLAGS, join(root, 'src/worker.ts')]
  const worker: ChildProcess = spawn(process.execPath, args, {
    env: { ...env, LOG_LEVEL: 'silent' },
    stdio: 'ignore',
  })
  const edge = await startEdge({ SLIPWAY_URL: web.url })
  try {
    const listed = async () => {
      const url = `${edge.url}/mirrorlist?repo=repo0-10&arch=x86_64&country=${LONELY}`
      const answer = await fetch(url)
      return answer.ok ? (await answer.text()).includes(NAME) : undefined
    }
    await until('the first snapshot at the edge', async () => (await listed()) === true, 120_000)
    const took_s: number[] = []
    for (const change of ['pause', 'resume', 'pause', 'resume'] as const) {
      await pause(app, change)
      const started = performance.now()
      const wanted = change === 'resume'
      await until(`${change} at the edge`, async () => (await listed()) === wanted, 60_000, 20)
      took_s.push((performance.now() - started) / 1000)
    }
    return took_s
  } finally {
    edge.stop()
    worker.kill('SIGKILL')
    await web.stop()
  }
}

export async function benchSnapshot(): Promise<Figure[]> {
  const app = await testApp({ overrides: { clock: fakeClock(Date.now()) } })
  try {
    await fill(app)
    const first_ms = await timed(app)
    await pause(app, 'pause')
    app.clock.advance(60_000)
    const changed_ms = await timed(app)
    await addNetblock(app)
    const netblocks_ms = await timed(app)
    await pause(app, 'resume')
    const seen_s = await visible(app)
    const slowest_s = Math.max(...seen_s)
    return [
      { name: 'the first snapshot of a worker, 900,000 netblocks read', value: ms(first_ms) },
      {
        name: 'snapshot made again after a mirror changed',
        value: ms(changed_ms),
        limit: '≤ 1 s',
        holds: changed_ms <= 1000,
      },
      {
        name: "snapshot made again after a mirror's netblocks changed",
        value: ms(netblocks_ms),
        limit: '≤ 1 s',
        holds: netblocks_ms <= 1000,
      },
      {
        name: `a change visible at an edge, slowest of ${seen_s.length}`,
        value: `${slowest_s.toFixed(1)} s`,
        limit: '≤ 15 s',
        holds: slowest_s <= 15,
      },
    ]
  } finally {
    await app.end()
  }
}

const ms = (value: number) => `${value.toFixed(0)} ms`
