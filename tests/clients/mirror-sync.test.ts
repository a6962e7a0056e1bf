/**
 * A second-tier mirror kept by `slipway mirror sync`, which is killed again and again while pushes go on: a client
 * that keeps reading it never meets metadata without its packages.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../../src/kernel/clock.ts'
import { writeListings } from '../../src/mirrors/listings.ts'
import { seeded } from '../faults/killer.ts'
import { type FileDaemon, serveRsync } from '../support/file-daemons.ts'
import { node, root } from '../support/portal.ts'
import { follow, PushedTree } from '../support/pushed-tree.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

const REPOSITORIES = ['keel/10/BaseOS/x86_64/os', 'keel/10/AppStream/x86_64/os']
const KILLS = 25
const SEED = Number(process.env.FAULTS_SEED ?? 7)

let app: TestApp
let tree: PushedTree
let folder: string
let daemon: FileDaemon
beforeAll(async () => {
  app = await testApp({ overrides: { clock: systemClock } })
  tree = new PushedTree(join(app.config.data_dir, 'pub'), REPOSITORIES)
  folder = mkdtempSync(join(tmpdir(), 'slipway-second-'))
  daemon = await serveRsync(tree.pub)
})
afterAll(async () => {
  await daemon?.stop()
  rmSync(folder, { recursive: true, force: true })
  await app?.end()
})

/** One run of the command, as a mirror admin's timer would start it: no portal's environment. */
function sync(...more: string[]): ChildProcess {
  const args = ['mirror', 'sync', `rsync://${daemon.place}/pub`, join(folder, 'mirror'), ...more]
  const env = { PATH: process.env.PATH }
  return spawn(node, [join(root, 'src/cli.ts'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function ended(child: ChildProcess): Promise<{ code: number | null; said: string }> {
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, said }
}

it('a reader never sees metadata without its packages, whatever is killed and pushed', async () => {
  const random = seeded(SEED)
  const stop = new AbortController()
  const seen = { whole: 0, pushes: new Set<number>(), faults: [] as string[] }
  const here = (path: string) => readFile(join(folder, 'mirror', path)).catch(() => undefined)
  const reading = (async () => {
    while (!stop.signal.aborted) {
      for (const repository of REPOSITORIES) {
        const found = await follow(repository, here).catch((error: Error) => error)
        if (found instanceof Error) seen.faults.push(found.message)
        else if (found) {
          seen.whole++
          seen.pushes.add(found.push)
        }
      }
      await sleep(5)
    }
  })()
  const pushing = (async () => {
    while (!stop.signal.aborted) {
      for (const repository of REPOSITORIES) tree.push(repository, 5, 15)
      await writeListings(app)
      await sleep(400 + random() * 800)
      for (const repository of REPOSITORIES) tree.settle(repository)
    }
  })()
  let kills = 0
  const outcomes: (number | null)[] = []
  const grace = ['--grace', '0.0015', '--force-removal']
  while (kills < KILLS) {
    const child = sync(...grace)
    const end = ended(child)
    // A run takes a second or two; some are let through, so that the mirror gets ahead.
    if (kills % 3 !== 2) {
      await sleep(300 + random() * 1400)
      child.kill('SIGKILL')
    }
    outcomes.push((await end).code)
    kills++
  }
  stop.abort()
  await Promise.all([reading, pushing])
  expect(seen.faults).toEqual([])
  expect(seen.whole).toBeGreaterThan(100)
  expect(seen.pushes.size).toBeGreaterThan(2)
  expect(outcomes.filter((code) => code === null).length).toBeGreaterThan(5)
  process.stdout.write(
    `${outcomes.length} runs, ${outcomes.filter((code) => code === null).length} killed; ${seen.whole} readings whole, ${seen.pushes.size} pushes seen\n`,
  )
})

it('then one quiet run makes it the same as its source, and old files go', async () => {
  await writeListings(app)
  const { code, said } = await ended(sync('--grace', '0', '--force-removal'))
  expect([code, said]).toEqual([0, expect.stringContaining('keel: ')])
  for (const repository of REPOSITORIES) {
    const [from, to] = [join(tree.pub, repository), join(folder, 'mirror', repository)]
    expect(readlinkSync(join(to, 'repodata'))).toBe(readlinkSync(join(from, 'repodata')))
    for (const part of ['Packages/p', '.generations'])
      expect(readdirSync(join(to, part))).toEqual(readdirSync(join(from, part)))
  }
})

it('says which option or argument is wrong, and touches nothing', async () => {
  const wrong = async (...args: string[]) => {
    const child = spawn(node, [join(root, 'src/cli.ts'), 'mirror', 'sync', ...args])
    const { code, said } = await ended(child)
    expect(code).not.toBe(0)
    return said
  }
  const to = join(folder, 'nothing')
  const from = `rsync://${daemon.place}/pub`
  expect(await wrong('http://portal.example/pub', to)).toContain(
    "command-argument value 'http://portal.example/pub' is invalid for argument 'source'",
  )
  expect(await wrong(from, to, '--grace', 'soon')).toContain(
    "option '--grace <hours>' argument 'soon'",
  )
  expect(await wrong(from, to, '--bwlimit', '-rf')).toContain("option '--bwlimit <rate>'")
  expect(await wrong(from, to, '--category', '../etc')).toContain("option '--category <name>'")
  expect(await wrong(from, to, '--lists', 'file:///etc')).toContain("option '--lists <url>'")
  expect(existsSync(to)).toBe(false)
})
