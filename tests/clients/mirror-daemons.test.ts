/**
 * rsyncd, nginx and vsftpd, each started from the configuration that Slipway writes, and real clients of each:
 * rsync from registered and other addresses (network namespaces), curl and aria2 that resume.
 */
import { execFile, execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mirror_source } from '../../db/schema/mirrors.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { HostBudget } from '../../src/mirrors/budget.ts'
import { createCrawler } from '../../src/mirrors/crawler.ts'
import { importMirrors } from '../../src/mirrors/exchange.ts'
import { lookOverFtp } from '../../src/mirrors/ftp-checks.ts'
import type { Series } from '../../src/mirrors/looks.ts'
import { masterConfig, refreshRsyncd, rsyncdFile } from '../../src/mirrors/masters.ts'
import { readMirrorFile } from '../../src/mirrors/mirror-file.ts'
import { lookOverRsync } from '../../src/mirrors/rsync-checks.ts'
import { startDaemon } from '../support/daemon.ts'
import { writeTree } from '../support/file-daemons.ts'
import { createNamespace, type Namespace } from '../support/namespace.ts'
import { freePort } from '../support/portal.ts'
import { PushedTree } from '../support/pushed-tree.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'

const run = promisify(execFile)
const OS = 'keel/10/BaseOS/x86_64/os'
const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')

/** Whom the tree belongs to: a user that owns nothing else, as on a real host. */
const OWNER = 61_234
const image = randomBytes(3_000_000)
const imageSum = createHash('sha256').update(image).digest('hex')

let app: TestApp
let pub: string
let folder: string
/** Digest of the tree's repomd.xml. */
let digest: string
let registered: Namespace
let stranger: Namespace
const ends: (() => unknown)[] = []

beforeAll(async () => {
  registered = createNamespace(1)
  ends.push(() => registered.end())
  stranger = createNamespace(2)
  ends.push(() => stranger.end())
  app = await testApp({ env: { SLIPWAY_PRIVATE_MIRRORS: '10.203.0.1:80' } })
  ends.push(() => app.end())
  chmodSync(app.config.data_dir, 0o755)
  pub = join(app.config.data_dir, 'pub')
  folder = mkdtempSync(join(tmpdir(), 'slipway-daemons-'))
  ends.push(() => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o755)
  digest = new PushedTree(pub, [OS]).push(OS)
  writeTree(pub, { 'keel/image.iso': image, 'keel/half.iso.part': 'x', 'keel/next/secret': 'soon' })
  chmodSync(join(pub, 'keel/next'), 0o750)
  symlinkSync('/etc/hostname', join(pub, 'keel/escape'))
  execFileSync('chown', ['-hR', `${OWNER}:${OWNER}`, pub])
  const file = (tier: number, sources: string) =>
    `name: tier${tier}.example.org\nsite: {name: Harbour, contacts: [noc@example.org]}\ntier: ${tier}\nurls: ['https://tier${tier}.example.org/keel/']\ncountry: DE\nbandwidth_mbps: 1000\nsources: [${sources}]\n`
  const read = (text: string) => readMirrorFile('m.yaml', text, app.config.private_mirrors)
  await importMirrors(ctxOf(app), [
    read(file(1, `{cidr: ${registered.address}}`)),
    read(file(2, `{cidr: ${stranger.address}}`)),
  ])
})
afterAll(async () => {
  for (const end of ends.reverse()) await end()
})

/** Starts a daemon in the foreground until the tests' end. */
async function start(command: string, args: string[], port: number): Promise<void> {
  const end = await startDaemon(command, args, port)
  ends.push(end)
}

describe('rsyncd', () => {
  let port: number
  beforeAll(async () => {
    port = await freePort()
    await refreshRsyncd(ctxOf(app))
    const args = ['--daemon', '--no-detach', `--config=${rsyncdFile(ctxOf(app))}`, `--port=${port}`]
    await start('rsync', args, port)
  })
  const get = (from: Namespace, module: string, to: string) =>
    from.run('rsync', ['-a', `rsync://${from.host}:${port}/${module}/keel/`, join(folder, to)])

  it('gives everyone what is published, and nothing else', async () => {
    // Some of it is not readable there, which rsync says by its exit status.
    await get(stranger, 'pub', 'public').catch(() => {})
    const got = join(folder, 'public')
    expect(sha256(join(got, 'image.iso'))).toBe(imageSum)
    expect(existsSync(join(got, OS.slice(5), 'repodata/repomd.xml'))).toBe(true)
    expect(existsSync(join(got, 'next/secret'))).toBe(false)
    expect(existsSync(join(got, 'half.iso.part'))).toBe(false)
  })

  it('is read by the crawler, which tells fresh from wrong and missing', async () => {
    expect(await looked(lookOverRsync, `rsync://127.0.0.1:${port}/pub/`)).toEqual(asItIs)
  })

  it('lets only registered addresses of tier 1 into tier 0, which no list shows', async () => {
    const list = await stranger.run('rsync', [`rsync://${stranger.host}:${port}/`])
    expect(list).toMatch(/^pub\s/)
    expect(list).not.toContain('tier0')
    await get(registered, 'tier0', 'tier0')
    expect(readFileSync(join(folder, 'tier0/next/secret'), 'utf8')).toBe('soon')
    await expect(get(stranger, 'tier0', 'none')).rejects.toThrow(
      /@ERROR: access denied|Unknown module/,
    )
    expect(existsSync(join(folder, 'none'))).toBe(false)
    await expect(run('rsync', [`rsync://127.0.0.1:${port}/tier0/`])).rejects.toThrow(/@ERROR/)
  })

  it('shuts an address out as soon as it is over, without a restart', async () => {
    await transaction({ app }, (tx) =>
      tx.update(mirror_source).set({ expires_at: app.clock.now() + 1000 }),
    )
    await refreshRsyncd(ctxOf(app))
    await get(registered, 'tier0', 'still')
    app.clock.advance(1000)
    expect(await refreshRsyncd(ctxOf(app))).toBe(true)
    await expect(get(registered, 'tier0', 'late')).rejects.toThrow(/@ERROR/)
  })
})

/** What the crawler says of the tree at an address. */
async function looked(series: Series, url: string) {
  const made = createCrawler(app)
  const crawler = { ...made, fetch: { ...made.fetch, private_mirrors: [new URL(url).host] } }
  const href = 'Packages/p/p1-0-1-1.noarch.rpm'
  const size_bytes = statSync(join(pub, OS, href)).size
  const repository = {
    ...{ id: 1, name: 'baseos-10', arch: 'x86_64', release: 'keel10', path: OS },
    generations: [{ id: 1, push_id: 1, sha256: digest, published_at: 0 }],
    samples: [{ href, size_bytes }],
  }
  const other = { ...repository, samples: [{ href, size_bytes: size_bytes + 1 }] }
  const gone = { ...repository, path: 'keel/11' }
  const budget = new HostBudget(crawler.gate)
  const looks = await series(crawler, budget, {
    ...{ url, family: 4, repositories: [repository, other, gone], known: new Map() },
    ...{ now: () => app.clock.now(), refresh: async () => repository.generations },
  })
  return looks.map((look) => [look?.outcome, look?.reason?.code])
}

const asItIs = [
  ['fresh', undefined],
  ['corrupt', 'mirror.package-size'],
  ['missing', 'mirror.file-missing'],
]

/** A download that broke off after a third is finished by a client. */
async function resumes(url: string, name: string): Promise<void> {
  const part = image.subarray(0, 1_000_000)
  const file = join(folder, name)
  writeFileSync(file, part)
  const { stdout } = await run('curl', [
    ...['--silent', '--show-error', '--fail', '--continue-at', '-', '--output', file],
    ...['--write-out', '%{size_download}', url],
  ])
  expect([sha256(file), Number(stdout)]).toEqual([imageSum, image.length - part.length])
}

describe('nginx', () => {
  let url: string
  beforeAll(async () => {
    const port = await freePort()
    url = `http://127.0.0.1:${port}/pub/`
    const site = join(folder, 'slipway.conf')
    writeFileSync(site, await masterConfig(ctxOf(app), 'nginx', { port }))
    const main = join(folder, 'nginx.conf')
    mkdirSync(join(folder, 'tmp'))
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    writeFileSync(
      main,
      [
        ...['daemon off;', `pid ${folder}/nginx.pid;`, 'error_log stderr;', 'user nobody nogroup;'],
        ...['events {}', 'http {', 'access_log off;'],
        ...temp.map((each) => `${each}_temp_path ${folder}/tmp/${each};`),
        ...[`include ${site};`, '}'],
      ].join('\n'),
    )
    await start('nginx', ['-c', main, '-e', 'stderr'], port)
  })
  const head = (path: string) => fetch(`${url}${path}`, { method: 'HEAD' })

  it('serves repodata through its link, and says what may be kept', async () => {
    const repomd = await head(`${OS}/repodata/repomd.xml`)
    expect([repomd.status, repomd.headers.get('Cache-Control')]).toEqual([200, 'no-cache'])
    const iso = await head('keel/image.iso')
    expect(iso.headers.get('Cache-Control')).toBe('public, max-age=86400')
    expect(iso.headers.get('Accept-Ranges')).toBe('bytes')
    expect(await (await fetch(`${url}${OS}/.generations/`)).text()).toMatch(/[0-9a-f]{64}/)
  })

  it('serves nothing half made, nothing unpublished, and follows no link out of the tree', async () => {
    expect((await head('keel/half.iso.part')).status).toBe(404)
    expect((await head('keel/next/secret')).status).toBe(403)
    expect((await head('keel/escape')).status).toBe(403)
    expect((await head('../slipway.db')).status).toBe(404)
    expect((await head('keel/%2e%2e/%2e%2e/slipway.db')).status).toBe(404)
  })

  it('lets curl and aria2 go on where they were cut off', async () => {
    await resumes(`${url}keel/image.iso`, 'by-curl.iso')
    writeFileSync(join(folder, 'by-aria.iso'), image.subarray(0, 1_000_000))
    const args = ['--quiet', '--continue=true', '--dir', folder, '--out', 'by-aria.iso']
    await run('aria2c', [...args, `${url}keel/image.iso`])
    expect(sha256(join(folder, 'by-aria.iso'))).toBe(imageSum)
  })
})

describe('vsftpd', () => {
  let url: string
  beforeAll(async () => {
    const port = await freePort()
    url = `ftp://127.0.0.1:${port}/`
    const config = join(folder, 'vsftpd.conf')
    const empty = join(folder, 'empty')
    mkdirSync(empty)
    writeFileSync(config, await masterConfig(ctxOf(app), 'vsftpd', { port }))
    // What a distribution's package sets up: an empty folder, a supervisor that wants it in the foreground.
    const local = ['-obackground=NO', `-osecure_chroot_dir=${empty}`]
    await start('vsftpd', [config, ...local], port)
  })

  it('serves the tree to anyone, and lets a download go on', async () => {
    const { stdout } = await run('curl', ['--silent', `${url}${OS}/repodata/repomd.xml`])
    expect(stdout).toBe(readFileSync(join(pub, OS, 'repodata/repomd.xml'), 'utf8'))
    await resumes(`${url}keel/image.iso`, 'by-ftp.iso')
  })

  it('is read by the crawler, which tells fresh from wrong and missing', async () => {
    expect(await looked(lookOverFtp, url)).toEqual(asItIs)
  })

  it('serves nothing half made or unpublished, and takes nothing', async () => {
    const fails = (...args: string[]) =>
      expect(run('curl', ['--silent', '--fail', ...args])).rejects.toThrow()
    await fails(`${url}keel/half.iso.part`)
    await fails(`${url}keel/next/secret`)
    await fails(`${url}keel/escape`)
    await fails('--upload-file', join(folder, 'by-ftp.iso'), `${url}keel/upload`)
    expect(existsSync(join(pub, 'keel/upload'))).toBe(false)
  })
})
