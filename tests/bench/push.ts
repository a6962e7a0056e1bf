/**
 * A push into a large repository, beside what its tools cost by hand: createrepo_c --update of every repository
 * that it changes, a gpg signature each, and one load of them by libsolv with a look at every requirement.
 */
import { type ChildProcess, execFileSync, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { and, desc, eq, isNull, lt } from 'drizzle-orm'
import { rpm } from '../../db/schema/builds.ts'
import { generation, repository_rpm } from '../../db/schema/repos.ts'
import { DAY_MS } from '../../src/kernel/clock.ts'
import { dataPath } from '../../src/kernel/config.ts'
import { must } from '../../src/kernel/must.ts'
import { listRepositories, type RepositoryRow } from '../../src/repos/repositories.ts'
import { generationPath, packageHref } from '../../src/repos/repository.ts'
import type { TaskRow } from '../../src/tasks/tasks.ts'
import { startPush } from '../../src/updates/pushes.ts'
import { requestUpdate } from '../../src/updates/requests.ts'
import { RELEASE } from '../support/builds.ts'
import { fillStable, type Size } from '../support/large-release.ts'
import { RpmTemplate } from '../support/many-rpms.ts'
import { makeRpms, PushWorld } from '../support/push-world.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'
import type { PushDone, PushWork } from './push-worker.ts'
import type { Figure } from './report.ts'

const MIB = 1024 * 1024

interface Case {
  name: string
  size: Size
  builds: number
  /** Times the yardstick. */
  limit: number
}

const cases: Case[] = [
  {
    name: '300 builds into 5,300',
    size: { sources: 500, binaries: 10, advisories: 400 },
    builds: 300,
    limit: 2,
  },
  {
    name: 'one build into 50,000',
    size: { sources: 4_166, binaries: 12, advisories: 4_000 },
    builds: 1,
    limit: 1.5,
  },
]

/** @param only which of the sizes, by position; all unless told */
export async function benchPush(only = cases.map((_, at) => at)): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const at of only) {
    const each = cases[at]
    if (each) figures.push(...(await measure(each)))
  }
  return figures
}

async function measure({ name, size, builds, limit }: Case): Promise<Figure[]> {
  const template = await RpmTemplate.make(['/bin/sh', 'p000012', 'libc.so.6()(64bit)'])
  const folder = await makeRpms(builds)
  const app = await testApp()
  const worker = new Worker(app)
  try {
    const world = new PushWorld(app, folder)
    await world.prepare()
    await fillStable(app, template, size)
    await startPush(ctxOf(app), RELEASE, { evenEmpty: true })
    await world.work()
    const aliases: string[] = []
    for (let n = 0; n < builds; n++) aliases.push(await world.update())
    await startPush(ctxOf(app), RELEASE)
    await worker.push(must(await world.claim()))
    await world.work()
    app.clock.advance(8 * DAY_MS)
    for (const alias of aliases) await requestUpdate(world.packager, alias, 'stable')
    await world.deliverAll()
    return await timed(app, world, worker, { name, limit })
  } finally {
    await worker.end()
    await app.end()
    rmSync(join(folder, '../..'), { recursive: true, force: true })
  }
}

async function timed(
  app: TestApp,
  world: PushWorld,
  worker: Worker,
  about: { name: string; limit: number },
): Promise<Figure[]> {
  const started = await startPush(ctxOf(app), RELEASE)
  const task = await world.claim()
  if (!started || !task) throw new Error('no push')
  const { push_s, block_ms, rss, steps } = await worker.push(task)
  const changed = await app.db
    .select()
    .from(generation)
    .where(eq(generation.push_id, started.push.id))
  const rows = (await listRepositories(app.db, RELEASE)).filter((row) =>
    changed.some((each) => each.repository_id === row.id),
  )
  const hand = await yardstick(app, rows, started.push.id)
  const hand_s = Object.values(hand).reduce((sum, each) => sum + each, 0)
  const ratio = push_s / hand_s
  return [
    {
      name: `${about.name}: push beside ${hand_s.toFixed(2)} s by hand`,
      value: `${push_s.toFixed(2)} s, ${ratio.toFixed(2)} ×`,
      limit: `${about.limit} ×`,
      holds: ratio <= about.limit,
    },
    {
      name: 'longest block of the event loop',
      value: `${block_ms.toFixed(0)} ms`,
      limit: '100 ms',
      holds: block_ms <= 100,
    },
    {
      name: 'memory of the worker, without its tools',
      value: `${(rss / MIB).toFixed(0)} MiB`,
      limit: '400 MB',
      holds: rss <= 400e6,
    },
    { name: 'repositories changed', value: String(rows.length) },
    { name: 'seconds of it', value: parts(steps) },
    { name: 'seconds by hand', value: parts(hand) },
  ]
}

/** A worker of its own, which has pushed before when it is measured, as workers have. */
class Worker {
  private readonly app: TestApp
  private readonly child: ChildProcess

  constructor(app: TestApp) {
    this.app = app
    const { data_dir, url, database_url } = app.config
    const env = {
      ...{ SLIPWAY_DATA: data_dir, SLIPWAY_URL: url, LOG_LEVEL: 'silent' },
      ...(database_url !== undefined && { DATABASE_URL: database_url }),
    }
    this.child = fork(join(import.meta.dirname, 'push-worker.ts'), [JSON.stringify(env)])
  }

  async push(task: TaskRow): Promise<PushDone> {
    const work: PushWork = { task, now: this.app.clock.now() }
    this.child.send(work)
    const [answer] = await Promise.race([
      once(this.child, 'message'),
      once(this.child, 'exit').then(() => Promise.reject(new Error('the worker ended'))),
    ])
    return answer
  }

  async end(): Promise<void> {
    const ended = once(this.child, 'exit')
    this.child.disconnect()
    await ended
  }
}

const parts = (seconds: Record<string, number>) =>
  Object.entries(seconds)
    .map(([part, each]) => `${part} ${each.toFixed(2)}`)
    .join(', ')

/** Seconds that the tools need by hand for the same packages, from the same metadata as the push began with. */
async function yardstick(app: TestApp, rows: RepositoryRow[], push_id: number) {
  const folders: string[] = []
  const seconds = { createrepo_c: 0, gpg: 0, libsolv: 0 }
  for (const row of rows) {
    const tree = dataPath(app.config, 'pub', row.path)
    const out = dataPath(app.config, 'work', `yardstick-${row.id}`)
    mkdirSync(out, { recursive: true })
    const list = join(out, 'packages.list')
    writeFileSync(
      list,
      (await packagesOf(app, row)).map((name) => `${packageHref(name)}\n`).join(''),
    )
    const before = await generationBefore(app, row, push_id)
    seconds.createrepo_c += time('createrepo_c', [
      '--quiet',
      '--no-database',
      '--update',
      '--update-md-path',
      join(tree, generationPath(before)),
      '--pkglist',
      list,
      '--outputdir',
      out,
      tree,
    ])
    seconds.gpg += time('gpg', [
      '--homedir',
      dataPath(app.config, 'keys/gnupg'),
      '--batch',
      '--yes',
      '--quiet',
      '--armor',
      '--detach-sign',
      join(out, 'repodata/repomd.xml'),
    ])
    const primary =
      readdirSync(join(out, 'repodata')).find((name) => name.includes('primary.xml')) ?? ''
    execFileSync('sh', [
      '-c',
      'zcat "$0" | rpmmd2solv > "$1"',
      join(out, 'repodata', primary),
      join(out, 'primary.solv'),
    ])
    folders.push(out)
  }
  const said = execFileSync('/usr/bin/python3', ['-I', 'tests/support/yardstick.py', ...folders], {
    encoding: 'utf8',
  })
  return { ...seconds, libsolv: Number(said.split(' ')[0]) }
}

async function packagesOf(app: TestApp, row: RepositoryRow): Promise<string[]> {
  const files = await app.db
    .select({ filename: rpm.filename })
    .from(repository_rpm)
    .innerJoin(rpm, eq(rpm.id, repository_rpm.rpm_id))
    .where(and(eq(repository_rpm.repository_id, row.id), isNull(repository_rpm.to_generation)))
  return files.map(({ filename }) => filename)
}

/** @returns SHA-256 of the repomd.xml that the repository had before the push */
async function generationBefore(app: TestApp, row: RepositoryRow, push_id: number) {
  const [before] = await app.db
    .select()
    .from(generation)
    .where(and(eq(generation.repository_id, row.id), lt(generation.push_id, push_id)))
    .orderBy(desc(generation.id))
    .limit(1)
  return must(before).hashes.sha256
}

function time(command: string, args: string[]): number {
  const begun = performance.now()
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command}: ${stderr}`)
  return (performance.now() - begun) / 1000
}
