/**
 * A second-tier mirror of a real portal: it pulls by `slipway mirror sync` from the rsync daemon of the generated
 * configuration while packages are built and pushed, and a client that keeps reading it over HTTP never meets
 * metadata without its packages. At the end dnf installs from it what was pushed last.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { specOf } from '../builder/program.ts'
import type { Api, Update } from '../support/api.ts'
import { startDaemon } from '../support/daemon.ts'
import { built, makeSrpm, reaches, submitSrpm } from '../support/packages.ts'
import { becomeAdmin } from '../support/people.ts'
import { freePort, node, type Portal, root, startPortal } from '../support/portal.ts'
import { serveTree, type TreeMirror } from '../support/tree-mirrors.ts'
import { until } from '../support/until.ts'

const run = promisify(execFile)
const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
const REPOSITORIES = ['10/BaseOS', '10/AppStream', 'testing/10/AppStream'].map(
  (part) => `keel/${part}/${arch}/os`,
)
const PUSHES = 4

let portal: Portal
let admin: Api
let mirror: TreeMirror
let daemon: () => Promise<void>
let address: string

beforeAll(async () => {
  portal = await startPortal()
  admin = await becomeAdmin(portal)
  const config = join(portal.data, 'mirrors/rsyncd.conf')
  await until('the daemon’s configuration', () => existsSync(config))
  await until('the lists', () => existsSync(join(portal.data, 'pub/keel/fullfiletimelist-keel')))
  const port = await freePort()
  const args = ['--daemon', '--no-detach', `--config=${config}`, `--port=${port}`]
  daemon = await startDaemon('rsync', args, port)
  address = `rsync://127.0.0.1:${port}/pub`
  const tree = join(portal.folder, 'mirror')
  mkdirSync(tree)
  mirror = await serveTree(await freePort(), '127.0.0.1', tree)
})
afterAll(async () => {
  await mirror?.stop()
  await daemon?.()
  await portal?.stop()
})

/** As a mirror admin's timer runs it, without anything of the portal's. */
const sync = () =>
  run(node, [join(root, 'src/cli.ts'), 'mirror', 'sync', address, mirror.root], {
    env: { PATH: process.env.PATH },
  })

/** A package of another name, built and pushed to testing. */
async function pushOne(name: string): Promise<void> {
  const srpm = await makeSrpm(specOf(name, ':'))
  const { nvr } = await built(admin, await submitSrpm(admin, srpm))
  const input = { builds: [nvr], type: 'newpackage', title: name, notes: 'For the mirror.' }
  const { alias } = await admin.post<Update>('/api/updates', input)
  await reaches(admin, alias, 'testing')
}

interface Seen {
  whole: number
  generations: Set<string>
  faults: string[]
}

const from = (path: string) => `http://127.0.0.1:${mirror.port}/${path}`

/** Reads one repository from its repomd.xml to the last package, as it stands at this moment. */
async function readOnce(repository: string, seen: Seen): Promise<void> {
  const first = await fetch(from(`${repository}/repodata/repomd.xml`))
  // Before the first run has come so far there is nothing to read.
  if (first.status === 404) return
  const repomd = await first.text()
  let primary = ''
  for (const [, type, entry = ''] of repomd.matchAll(/<data type="(\w+)">([\s\S]*?)<\/data>/g)) {
    const href = /<location href="([^"]+)"/.exec(entry)?.[1] ?? ''
    const checksum = /<checksum type="sha256">([0-9a-f]+)/.exec(entry)?.[1]
    const answer = await fetch(from(`${repository}/${href}`))
    const bytes = Buffer.from(await answer.arrayBuffer())
    if (!answer.ok || createHash('sha256').update(bytes).digest('hex') !== checksum)
      throw new Error(`${repository}/${href}: ${answer.status}`)
    if (type === 'primary') primary = gunzipSync(bytes).toString()
  }
  for (const [entry] of primary.matchAll(/<package type="rpm">[\s\S]*?<\/package>/g)) {
    const href = /<location href="([^"]+)"/.exec(entry)?.[1] ?? ''
    const size = /<size package="(\d+)"/.exec(entry)?.[1]
    const { ok, headers } = await fetch(from(`${repository}/${href}`), { method: 'HEAD' })
    if (!ok || headers.get('Content-Length') !== size) throw new Error(`${repository}/${href}`)
  }
  seen.whole++
  seen.generations.add(`${repository} ${createHash('sha256').update(repomd).digest('hex')}`)
}

it('never shows metadata without its packages while pushes go on', async () => {
  const stop = new AbortController()
  const seen: Seen = { whole: 0, generations: new Set(), faults: [] }
  const reading = (async () => {
    while (!stop.signal.aborted) {
      for (const repository of REPOSITORIES)
        await readOnce(repository, seen).catch((error: Error) => seen.faults.push(error.message))
      await sleep(5)
    }
  })()
  let runs = 0
  const syncing = (async () => {
    for (; !stop.signal.aborted; runs++)
      await sync().catch((error: { stderr?: string }) => {
        // Pushes may come faster than a busy machine syncs; it says so, and the next run goes on.
        if (!error.stderr?.includes('run it again later')) throw error
      })
  })()
  for (let n = 0; n < PUSHES; n++) await pushOne(`lantern${n}`)
  stop.abort()
  await Promise.all([reading, syncing])
  expect(seen.faults).toEqual([])
  expect(runs).toBeGreaterThan(1)
  expect(seen.generations.size).toBeGreaterThan(REPOSITORIES.length)
  process.stdout.write(
    `${runs} runs, ${seen.whole} readings whole, ${seen.generations.size} generations seen\n`,
  )
})

it('gives dnf what was pushed last', async () => {
  const newest = `lantern${PUSHES - 1}`
  const lists = join(portal.data, 'pub/keel/fullfiletimelist-keel')
  await until(
    'the lists to name it',
    async () => (await run('grep', ['-c', newest, lists]).catch(() => undefined)) !== undefined,
  )
  await sync()
  const install = join(portal.folder, 'root')
  const repository = `keel,${from(REPOSITORIES[2] ?? '')}`
  await run('dnf', [
    ...[`--installroot=${install}`, '--releasever=10', '-y', '--disablerepo=*'],
    ...[`--repofrompath=${repository}`, '--enablerepo=keel', '--setopt=keel.repo_gpgcheck=1'],
    ...[`--setopt=keel.gpgkey=file://${join(portal.data, 'keys/public.asc')}`],
    ...['--setopt=keel.gpgcheck=1', 'install', newest],
  ])
  const { stdout } = await run('rpm', ['--root', install, '-q', newest])
  expect(stdout).toContain(`${newest}-1.0-1.kl10`)
})
