/** Lists of the tree, and a mirror that follows them from a real rsync daemon. */
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { task } from '../../db/schema/tasks.ts'
import { HOUR_MS } from '../../src/kernel/clock.ts'
import { emit } from '../../src/kernel/events.ts'
import { deliver } from '../../src/kernel/subscribers.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { readListing, writeListing } from '../../src/mirrors/listing.ts'
import { listsFollowPush, listTask, writeListings } from '../../src/mirrors/listings.ts'
import { takeLock } from '../../src/mirrors/sync/lock.ts'
import { planOf } from '../../src/mirrors/sync/plan.ts'
import { type SyncOptions, syncMirror } from '../../src/mirrors/sync/sync.ts'
import type { TaskHandler } from '../../src/tasks/handler.ts'
import { claimTask } from '../../src/tasks/leases.ts'
import { runTask } from '../../src/tasks/runner.ts'
import { type FileDaemon, serveRsync, writeTree } from '../support/file-daemons.ts'
import { follow, PushedTree } from '../support/pushed-tree.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let pub: string
let folder: string
let tree: PushedTree
const daemons: FileDaemon[] = []
const OS = 'keel/10/BaseOS/x86_64/os'
const TESTING = 'keel/testing/10/BaseOS/x86_64/os'

beforeEach(async () => {
  app = await testApp()
  pub = join(app.config.data_dir, 'pub')
  folder = mkdtempSync(join(tmpdir(), 'slipway-sync-'))
  tree = new PushedTree(pub, [OS])
})
afterEach(async () => {
  await Promise.all(daemons.splice(0).map((daemon) => daemon.stop()))
  rmSync(folder, { recursive: true, force: true })
  await app.end()
})

const list = () => readListing(readFileSync(join(pub, 'keel/fullfiletimelist-keel'), 'utf8'))

describe('the list', () => {
  it('names what is published, with checksums of what leads to it', async () => {
    const digest = tree.push(OS)
    writeTree(pub, { 'keel/half.part': 'x', 'keel/secret/plan': 'x', 'not a category/x': '' })
    chmodSync(join(pub, 'keel/secret'), 0o750)
    expect(await writeListings(app)).toEqual(['keel'])
    const { entries, checksums } = list()
    const paths = entries.map((entry) => entry.path)
    const os = OS.slice('keel/'.length)
    expect(entries.find((entry) => entry.path === `${os}/repodata`)).toMatchObject({ type: 'l' })
    expect(paths).toContain(`${os}/.generations/${digest}/repodata/repomd.xml`)
    expect(paths.filter((path) => /secret|part|fullfile/.test(path))).toEqual([])
    expect(checksums.get(`${os}/.generations/${digest}/repodata/repomd.xml`)).toBe(digest)
    // Metadata is read before packages, so a package that listed metadata names is listed.
    const at = (part: string) => paths.findIndex((path) => path.includes(part))
    expect(at('.generations')).toBeLessThan(at('Packages/p/'))
    expect(statSync(join(pub, 'keel/fullfiletimelist-keel')).mtimeMs).toBe(app.clock.now())
    expect(readdirSync(join(pub, 'keel')).filter((name) => name.includes('list'))).toHaveLength(1)
  })

  it('of a later walk is never replaced by that of an earlier one', async () => {
    tree.push(OS)
    app.clock.advance(HOUR_MS)
    await writeListings(app)
    const before = readFileSync(join(pub, 'keel/fullfiletimelist-keel'), 'utf8')
    app.clock.advance(-HOUR_MS)
    tree.push(OS)
    expect(await writeListings(app)).toEqual([])
    expect(readFileSync(join(pub, 'keel/fullfiletimelist-keel'), 'utf8')).toBe(before)
  })

  it('is written after each push, once', async () => {
    tree.push(OS)
    const ctx = ctxOf(app)
    for (const id of [1, 2])
      await transaction(ctx, (tx) => emit(tx, ctx, 'push.done', `push:${id}`))
    await deliver(app, listsFollowPush)
    app.clock.advance(1000)
    const handlers = new Map([['listFiles', listTask as TaskHandler]])
    for (;;) {
      const claimer = { name: 'test', channels: ['worker'], arches: ['noarch'] }
      const claimed = await claimTask(app, claimer)
      if (!claimed) break
      await runTask(app, handlers, claimed)
    }
    const rows = await app.db.select().from(task).where(eq(task.method, 'listFiles'))
    expect(rows.map((row) => row.result)).toEqual([{ written: ['keel'] }, { written: [] }])
  })

  it('is read strictly: a fault names its line', () => {
    const entry = { mtime_s: 1, type: 'f' as const, size_bytes: 2, path: 'a/b' }
    const text = writeListing({ entries: [entry], checksums: new Map([['a/b', 'f'.repeat(64)]]) })
    expect(readListing(text)).toEqual({
      entries: [entry],
      checksums: new Map([['a/b', 'f'.repeat(64)]]),
    })
    const refused = (change: [string, string], message: string) =>
      expect(() => readListing(text.replace(...change))).toThrow(message)
    refused(['[End]\n', ''], 'line 10: the list is cut: it has no [End]')
    refused(['\n2\n', '\n3\n'], 'line 2: version 3 is not 2')
    refused(['a/b', '../b'], 'line 5: the path leads elsewhere: "../b"')
    refused(['a/b', '/etc/passwd'], 'line 5: the path leads elsewhere')
    refused(['1\tf\t2', 'one\tf\t2'], 'line 5: is no entry of time, type, size and path')
  })

  it('makes a plan: packages, then metadata, then what leads to it', () => {
    const at = (path: string, type: 'f' | 'l' | 'd' = 'f') => ({
      mtime_s: 1,
      type,
      size_bytes: 1,
      path,
    })
    const entries = [
      ...[
        at('os/repodata', 'l'),
        at('os/.generations/x/repodata/repomd.xml'),
        at('os/Packages/a.rpm'),
      ],
      ...[
        at('tree/repodata/repomd.xml'),
        at('tree/repodata/1-primary.xml.gz'),
        at('tree/.treeinfo'),
      ],
    ]
    const plan = planOf(undefined, { entries, checksums: new Map() })
    const paths = (part: keyof typeof plan) => plan[part].map((entry) => entry.path)
    expect(paths('content')).toEqual(['os/Packages/a.rpm'])
    expect(paths('metadata')).toEqual([
      'os/.generations/x/repodata/repomd.xml',
      'tree/repodata/1-primary.xml.gz',
    ])
    expect(paths('leads')).toEqual(['os/repodata', 'tree/repodata/repomd.xml', 'tree/.treeinfo'])
  })
})

describe('a mirror', () => {
  let source: string
  let said: string[]
  let now: number
  const here = () => join(folder, 'mirror')

  beforeEach(async () => {
    const daemon = await serveRsync(pub)
    daemons.push(daemon)
    source = `rsync://${daemon.place}/pub/`
    said = []
    now = 0
  })

  const sync = (change: Partial<SyncOptions> = {}) =>
    syncMirror({
      ...{ source, destination: here(), lists: undefined, categories: [], grace_ms: HOUR_MS },
      ...{ force_removal: false, bwlimit: undefined, timeout_s: 20, now: () => now },
      say: (line) => said.push(line),
      ...change,
    })
  const read = (repository = OS) =>
    follow(repository, (path) => readFile(join(here(), path)).catch(() => undefined))

  it('has all of a push, then only what is new, and then nothing to do', async () => {
    tree.push(OS)
    await writeListings(app)
    await sync()
    expect(await read()).toEqual({ push: 1, packages: 5 })
    expect(readFileSync(join(here(), 'keel/fullfiletimelist-keel'), 'utf8')).toBe(
      readFileSync(join(pub, 'keel/fullfiletimelist-keel'), 'utf8'),
    )
    tree.push(OS)
    await writeListings(app)
    await sync()
    expect(await read()).toEqual({ push: 2, packages: 10 })
    await sync()
    expect(said.map((line) => line.replace(/[\d.]+ MB/, 'n MB'))).toEqual([
      expect.stringMatching(/^keel: \d+ differ, n MB$/),
      // Five packages; of the generation two folders, its link, its repomd.xml and primary.
      'keel: 10 differ, n MB',
      'keel: nothing new',
    ])
  })

  it('fetches what was lost here when it is told to look at everything', async () => {
    tree.push(OS)
    await writeListings(app)
    await sync()
    rmSync(join(here(), OS, 'Packages'), { recursive: true })
    rmSync(join(here(), OS, '.generations'), { recursive: true })
    await sync()
    await expect(read().catch(() => undefined)).resolves.toBeUndefined()
    await sync({ check: true })
    expect(await read()).toEqual({ push: 1, packages: 5 })
  })

  it('keeps what is gone for those who read it, then removes it, and never more than half at once', async () => {
    const first = tree.push(OS, 120, 120)
    await writeListings(app)
    await sync()
    writeTree(here(), {
      'keel/stray': 'from a run that was killed',
      '.slipway-mirror/x.txt': 'proof',
    })
    tree.push(OS, 120, 120)
    tree.settle(OS)
    await writeListings(app)
    await sync()
    const packages = () => readdirSync(join(here(), OS, 'Packages/p')).length
    expect(packages()).toBe(240)
    expect(existsSync(join(here(), OS, '.generations', first))).toBe(true)
    now = HOUR_MS
    await expect(sync()).rejects.toThrow(
      /^keel: \d+ of \d+ paths would be removed\. If that is right, run it with --force-removal\.$/,
    )
    await sync({ force_removal: true })
    expect(packages()).toBe(120)
    expect(existsSync(join(here(), OS, '.generations', first))).toBe(false)
    expect(existsSync(join(here(), 'keel/stray'))).toBe(false)
    expect(existsSync(join(here(), '.slipway-mirror/x.txt'))).toBe(true)
    expect(await read()).toEqual({ push: 2, packages: 120 })
  })

  it('lets a client that holds the last repomd.xml finish', async () => {
    tree.push(OS)
    await writeListings(app)
    await sync()
    const repomd = readFileSync(join(here(), OS, 'repodata/repomd.xml'), 'utf8')
    const [, href = ''] = /primary (\S+)/.exec(repomd) ?? []
    tree.push(OS)
    tree.settle(OS)
    await writeListings(app)
    await sync()
    expect(existsSync(join(here(), OS, href))).toBe(true)
    now = HOUR_MS
    await sync({ force_removal: true })
    expect(existsSync(join(here(), OS, href))).toBe(false)
  })

  it('leaves the link where it is while the source is ahead of its list, or files are missing', async () => {
    tree.push(OS)
    await writeListings(app)
    await sync()
    tree.push(OS)
    await expect(sync()).rejects.toThrow(
      /these are still not as the list says.*repodata \(the source has moved on\)/,
    )
    expect(await read()).toMatchObject({ push: 1 })
    await writeListings(app)
    const gone = join(pub, OS, 'Packages/p/p2-0-1-1.noarch.rpm')
    const bytes = readFileSync(gone)
    rmSync(gone)
    await expect(sync()).rejects.toThrow(/p2-0-1-1\.noarch\.rpm/)
    expect(await read()).toMatchObject({ push: 1 })
    writeFileSync(gone, bytes)
    await writeListings(app)
    await sync()
    expect(await read()).toMatchObject({ push: 2 })
  })

  it('gives a package that goes to stable a second name and does not fetch it again', async () => {
    tree.push(TESTING, 3)
    await writeListings(app)
    await sync()
    mkdirSync(join(pub, OS, 'Packages/p'), { recursive: true })
    for (const name of readdirSync(join(pub, TESTING, 'Packages/p')))
      linkSync(join(pub, TESTING, 'Packages/p', name), join(pub, OS, 'Packages/p', name))
    await writeListings(app)
    await sync()
    const inode = (repository: string) =>
      statSync(join(here(), repository, 'Packages/p/p1-0-1-1.noarch.rpm')).ino
    expect(inode(OS)).toBe(inode(TESTING))
  })

  it('takes lists over HTTP, and can feed another mirror', async () => {
    tree.push(OS)
    await writeListings(app)
    const server = createServer((request, response) => {
      response.end(readFileSync(join(pub, (request.url ?? '').replace('/pub/', ''))))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    await sync({ lists: `http://127.0.0.1:${port}/pub/`, categories: ['keel'] })
    server.close()
    const second = await serveRsync(here())
    daemons.push(second)
    const destination = join(folder, 'second')
    await sync({ source: `rsync://${second.place}/pub/`, destination, categories: ['keel'] })
    expect(readlinkSync(join(destination, OS, 'repodata'))).toBe(
      readlinkSync(join(pub, OS, 'repodata')),
    )
  })

  it('runs once at a time for a destination', async () => {
    tree.push(OS)
    await writeListings(app)
    await sync()
    const release = await takeLock(join(here(), '.slipway-sync/lock'))
    await expect(sync()).rejects.toThrow(/^Another sync of this destination is running/)
    await release()
  })

  it('says what is wrong: no list, a list that is cut, a source that is none, nowhere to write', async () => {
    tree.push(OS)
    await expect(sync()).rejects.toThrow(/has no fullfiletimelist-keel: it is no source/)
    writeTree(pub, { 'keel/fullfiletimelist-keel': '[Version]\n2\n' })
    await expect(sync()).rejects.toThrow(
      /^fullfiletimelist-keel of rsync:.*line 3: the list is cut/,
    )
    await expect(sync({ source: source.replace('/pub/', '/nope/') })).rejects.toThrow(
      /Unknown module 'nope'/,
    )
    await expect(sync({ lists: 'http://127.0.0.1:9/' })).rejects.toThrow(
      /^--lists: http:\/\/127\.0\.0\.1:9\//,
    )
    await expect(sync({ destination: '/dev/null/nowhere' })).rejects.toThrow(
      /^destination \/dev\/null\/nowhere can't be written/,
    )
  })

  it('follows no link out of the tree', async () => {
    tree.push(OS)
    symlinkSync('/etc/passwd', join(pub, 'keel/escape'))
    await writeListings(app)
    await expect(sync()).rejects.toThrow(/escape/)
    expect(existsSync(join(here(), 'keel/escape'))).toBe(false)
  })
})
