/**
 * A push into a large repository, beside what its tools cost by hand: createrepo_c --update of every repository
 * that it changes, a gpg signature each, and one load of them by libsolv with a look at every requirement.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { eq } from 'drizzle-orm'
import { generation } from '../../db/schema/repos.ts'
import { taskHandlers } from '../../src/app.ts'
import { DAY_MS } from '../../src/kernel/clock.ts'
import { dataPath } from '../../src/kernel/config.ts'
import { must } from '../../src/kernel/must.ts'
import { listRepositories, type RepositoryRow } from '../../src/repos/repositories.ts'
import type { TaskHandler } from '../../src/tasks/handler.ts'
import { runTask } from '../../src/tasks/runner.ts'
import { pushSteps } from '../../src/updates/push.ts'
import { startPush } from '../../src/updates/pushes.ts'
import { requestUpdate } from '../../src/updates/requests.ts'
import { RELEASE } from '../support/builds.ts'
import { fillStable, type Size } from '../support/large-release.ts'
import { RpmTemplate } from '../support/many-rpms.ts'
import { makeRpms, PushWorld } from '../support/push-world.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'
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
  try {
    const world = new PushWorld(app, folder)
    await world.prepare()
    await fillStable(app, template, size)
    await startPush(ctxOf(app), RELEASE, { evenEmpty: true })
    await world.work()
    const aliases: string[] = []
    for (let n = 0; n < builds; n++) aliases.push(await world.update())
    await startPush(ctxOf(app), RELEASE)
    await world.work()
    app.clock.advance(8 * DAY_MS)
    for (const alias of aliases) await requestUpdate(world.packager, alias, 'stable')
    await world.deliverAll()
    return await timed(app, world, { name, limit })
  } finally {
    await app.end()
    rmSync(join(folder, '../..'), { recursive: true, force: true })
  }
}

async function timed(
  app: TestApp,
  world: PushWorld,
  about: { name: string; limit: number },
): Promise<Figure[]> {
  const started = await startPush(ctxOf(app), RELEASE)
  const task = await world.claim()
  if (!started || !task) throw new Error('no push')
  global.gc?.()
  const blocks = monitorEventLoopDelay({ resolution: 1 })
  blocks.enable()
  let rss = 0
  const watch = setInterval(() => {
    rss = Math.max(rss, process.memoryUsage.rss())
  }, 20)
  const begun = performance.now()
  const steps = new Map<string, number>()
  await runTask(app, new Map([['push', timing(steps)]]), task)
  const push_s = (performance.now() - begun) / 1000
  clearInterval(watch)
  blocks.disable()
  const changed = await app.db
    .select()
    .from(generation)
    .where(eq(generation.push_id, started.push.id))
  const rows = (await listRepositories(app.db, RELEASE)).filter((row) =>
    changed.some((each) => each.repository_id === row.id),
  )
  const hand_s = yardstick(app, rows)
  const ratio = push_s / hand_s
  const block_ms = blocks.max / 1e6
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
      name: 'memory of the process',
      value: `${(rss / MIB).toFixed(0)} MiB`,
      limit: '400 MB',
      holds: rss <= 400e6,
    },
    { name: 'repositories changed', value: String(rows.length) },
    {
      name: 'of it',
      value: [...steps].map(([step, ms]) => `${step} ${(ms / 1000).toFixed(2)}`).join(', '),
    },
  ]
}

/** The push's handler, with the time of each step. */
function timing(steps: Map<string, number>): TaskHandler {
  const handler = must(taskHandlers.get('push'))
  return {
    ...handler,
    run: async (run) => {
      let step = ''
      let since = performance.now()
      const note = (next: string) => {
        if (step !== '') steps.set(step, performance.now() - since + (steps.get(step) ?? 0))
        step = next
        since = performance.now()
      }
      const end = await handler.run({
        ...run,
        log: async (line) => {
          if ((pushSteps as readonly string[]).includes(line)) note(line)
          await run.log(line)
        },
      })
      note('')
      return end
    },
  }
}

/** Seconds that the tools need by hand for the same repositories. */
function yardstick(app: TestApp, rows: RepositoryRow[]): number {
  const folders: string[] = []
  let seconds = 0
  for (const row of rows) {
    const tree = dataPath(app.config, 'pub', row.path)
    const out = dataPath(app.config, 'work', `yardstick-${row.id}`)
    mkdirSync(out, { recursive: true })
    const generationFolder = readlinkSync(join(tree, 'repodata')).replace(/\/repodata$/, '')
    seconds += time('createrepo_c', [
      '--quiet',
      '--no-database',
      '--update',
      '--update-md-path',
      join(tree, generationFolder),
      '--outputdir',
      out,
      '--excludes',
      '.generations/*',
      tree,
    ])
    seconds += time('gpg', [
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
  return seconds + Number(said.split(' ')[0])
}

function time(command: string, args: string[]): number {
  const begun = performance.now()
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command}: ${stderr}`)
  return (performance.now() - begun) / 1000
}
