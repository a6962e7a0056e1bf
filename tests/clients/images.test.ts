/**
 * Images as people get them: a real portal composes, and curl, aria2, gpg, sq, sha256sum, checkisomd5,
 * xorriso, zsync and dnf take it from there. The tests are one story and run in order.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import parseTorrent from 'parse-torrent'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, type Task } from '../support/api.ts'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import {
  addMedia,
  aria2,
  bootEntry,
  type Compose,
  type Gate,
  gateOf,
  type Image,
  MEDIA_BYTES,
  typed,
  whereIs,
} from '../support/images.ts'
import { becomeAdmin, signUp } from '../support/people.ts'
import { createPortal, type Portal, root } from '../support/portal.ts'
import { slipway } from '../support/slipway.ts'
import { until } from '../support/until.ts'

const arch = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim()
/** One program of each step that takes long for a real image. */
const STEPS = ['xorriso', 'zsyncmake', 'checkisomd5'] as const

let portal: Portal
let anyone: Api
let admin: Api
let image: Image
let gates: Record<(typeof STEPS)[number], Gate>
/** Folder in which the first visitor downloads and verifies. */
let desk: string
/** Folder of the tree that was taken out of the image. */
let disc: string

beforeAll(async () => {
  const critical = 'critical_packages: [keel-release]'
  portal = await createPortal({
    distribution: [
      [critical, `${critical}\n${bootEntry}`],
      ['grace_hours: 24', 'grace_hours: 0'],
    ],
  })
  const folder = join(portal.folder, 'bin')
  gates = Object.fromEntries(
    STEPS.map((program) => [program, gateOf(folder, program, whereIs(program))]),
  ) as typeof gates
  portal.env.PATH = [folder, join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter)
  addMedia(portal.content)
  await portal.start()
  anyone = new Api(portal.url)
  desk = join(portal.folder, 'desk')
  disc = join(portal.folder, 'disc')
  for (const path of [desk, disc]) mkdirSync(path)
})
afterAll(() => portal?.stop())

const offered = async () => (await anyone.get<{ items: Image[] }>('/api/downloads')).items
const composes = () => anyone.all<Compose>('/api/composes')
const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')
const page = async (path: string) => (await fetch(`${portal.url}${path}`)).text()

/** Text of a page as one reads it. */
const plain = (html: string) =>
  html
    .replaceAll('&#34;', '"')
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')

async function settled(id: number): Promise<Compose> {
  const over = async () => {
    const compose = await anyone.get<Compose>(`/api/composes/${id}`)
    return compose.state !== 'running' && compose
  }
  return until(`the end of compose ${id}`, over, 180_000)
}

test('before there is an image, the page says what it waits for', async () => {
  const html = await page('/download')
  expect(html).toContain('No image has been made yet')
  expect(html).toMatch(/packages (is|are) still on the way|No package is in the stable/)
  expect((await offered()).length).toBe(0)
})

test('an image appears by itself once the first packages are stable', async () => {
  const [found] = await until('an image', async () => {
    const items = await offered()
    return items.length > 0 && items
  })
  if (!found) throw new Error('no image')
  image = found
  const [first] = await composes()
  expect(first).toMatchObject({ why: 'first', label: image.label })
  await settled(first?.id ?? 0)
  expect(image).toMatchObject({ arch, boots: ['bios', 'uefi'], notes: [], is_current: true })
  expect(image.packages).toBe(8)
  expect(image.size_bytes).toBeGreaterThan(MEDIA_BYTES)
  const beside = await (await fetch(new URL('downloads.json', image.url))).json()
  const { is_current: _, ...emitted } = image
  expect(beside).toEqual({ items: [emitted] })
})

test('the page offers it, and the front page leads there first', async () => {
  const html = plain(await page('/download'))
  for (const said of [
    image.filename,
    image.sha256,
    image.size_bytes.toLocaleString('en'),
    image.download_url.replace(portal.url, ''),
    image.magnet,
    '2032-05-31',
    '2037-05-31',
  ])
    expect(html, said).toContain(said)
  const front = await page('/')
  expect(front.match(/class="button main" href="([^"]+)"/)?.[1]).toBe('/download')
  const feed = await page('/feeds/downloads.atom')
  expect(feed).toContain(image.url)
})

test('every command of the verification page succeeds as it is printed', async () => {
  const html = plain(await page('/download/verify'))
  for (const { tool, command, expect: line } of image.verify) {
    expect(html, tool).toContain(command)
    if (tool.startsWith('sq') && tool !== installedSq()) continue
    const said = await typed(command, desk)
    for (const each of line?.split('\n') ?? []) expect(said, tool).toContain(each)
  }
  expect(digest(join(desk, image.filename))).toBe(image.sha256)
})

/** The command that fits this machine's sq: options were renamed on the way to 1.0. */
function installedSq(): string {
  const version = execFileSync('sq', ['--version'], { encoding: 'utf8', stdio: 'pipe' })
  return /sq 0\.[0-3]/.test(version) ? 'sq-old' : 'sq'
}

test('an image or a list of sums that was tampered with fails them', async () => {
  const folder = join(portal.folder, 'tampered')
  mkdirSync(folder)
  for (const name of readdirSync(desk).filter((each) => each !== 'gnupg'))
    copyFileSync(join(desk, name), join(folder, name))
  const command = (tool: string) => image.verify.find((step) => step.tool === tool)?.command ?? ''
  const bytes = readFileSync(join(folder, image.filename))
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
  writeFileSync(join(folder, image.filename), bytes)
  await expect(typed(command('sha256sum'), folder)).rejects.toThrow(`${image.filename}: FAILED`)
  await expect(typed(command('checkisomd5'), folder)).rejects.toThrow('FAIL')
  // Whoever changes the sums to fit has no key to sign them with.
  writeFileSync(
    join(folder, 'SHA256SUMS'),
    `${digest(join(folder, image.filename))}  ${image.filename}\n`,
  )
  await typed(command('sha256sum'), folder)
  await expect(typed(command('gpg'), folder)).rejects.toThrow('BAD signature')
  await expect(typed(command(installedSq()), folder)).rejects.toThrow(/[Bb]ad (signature|checksum)/)
})

test('xorriso reads it back: volume, boot entries, files, signed metadata', async () => {
  const iso = join(desk, image.filename)
  const xorriso = (...args: string[]) =>
    execFileSync('xorriso', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const boot = xorriso('-indev', iso, '-report_el_torito', 'plain')
  expect(boot).toMatch(/boot img : +1 +BIOS/)
  expect(boot).toMatch(/boot img : +2 +UEFI/)
  expect(boot).toContain('/images/efiboot.img')
  expect(xorriso('-indev', iso, '-pvd_info')).toContain(image.volume_id)
  xorriso('-osirrox', 'on', '-indev', iso, '-extract', '/', disc)
  execFileSync('chmod', ['-R', 'u+w', disc])
  for (const name of ['.discinfo', '.treeinfo', 'media.repo', 'TIDES', 'RPM-GPG-KEY-keel'])
    expect(existsSync(join(disc, name)), name).toBe(true)
  const treeinfo = readFileSync(join(disc, '.treeinfo'), 'utf8')
  for (const [, path, sum] of treeinfo.matchAll(/^(\S+) = sha256:([0-9a-f]{64})$/gm))
    expect(digest(join(disc, path ?? '')), path).toBe(sum)
  expect(treeinfo).toContain('kernel = images/pxeboot/vmlinuz')
  for (const name of ['BaseOS', 'AppStream']) {
    const repodata = join(disc, name, 'repodata')
    await typed(`gpg --verify ${repodata}/repomd.xml.asc ${repodata}/repomd.xml`, desk)
  }
})

/** dnf on nothing but a tree, every signature checked. */
async function installFrom(base: string, folder: string): Promise<string> {
  const machine = join(portal.folder, folder)
  mkdirSync(`${machine}-log`)
  const repos = ['BaseOS', 'AppStream'].flatMap((name) => [
    `--repofrompath=disc-${name},${base}/${name}`,
    `--repo=disc-${name}`,
    `--setopt=disc-${name}.gpgcheck=1`,
    `--setopt=disc-${name}.repo_gpgcheck=1`,
    `--setopt=disc-${name}.gpgkey=file://${join(disc, 'RPM-GPG-KEY-keel')}`,
  ])
  const options = [
    ...[`--installroot=${machine}`, `--setopt=cachedir=${machine}-cache`, '--assumeyes'],
    ...[`--setopt=logdir=${machine}-log`, '--setopt=reposdir=/nowhere', '--noplugins'],
    '--releasever=10',
  ]
  const command = ['dnf', ...options, ...repos, 'install', 'keel-release', 'rpmvercmp']
  await typed(command.map((each) => `'${each}'`).join(' '), desk)
  return execFileSync('rpm', ['--root', machine, '-qa'], { encoding: 'utf8' })
}

test('dnf installs from the disc, and from the tree on the portal, with every signature checked', async () => {
  for (const [base, folder] of [
    [`file://${disc}`, 'from-disc'],
    [image.tree_url.replace(/\/$/, ''), 'from-tree'],
  ] as const) {
    const installed = await installFrom(base, folder)
    expect(installed).toContain('keel-release-10-1.kl10.noarch')
    expect(installed).toContain(`rpmvercmp-1.0-1.kl10.${arch}`)
  }
})

test('packages of the tree are links, not copies', () => {
  const tree = join(portal.data, 'pub', new URL(image.tree_url).pathname.replace('/pub/', ''))
  const packages = join(tree, 'AppStream/Packages/r')
  const [name = ''] = readdirSync(packages)
  // The store, the repository, the tree; and testing's where it is there.
  expect(statSync(join(packages, name)).nlink).toBeGreaterThanOrEqual(3)
})

test('aria2 completes the torrent from the web seed alone, and it is what the magnet names', async () => {
  const bytes = Buffer.from(await (await fetch(image.torrent_url)).arrayBuffer())
  const torrent = await parseTorrent(bytes)
  expect(torrent).toMatchObject({ name: image.filename, length: image.size_bytes, announce: [] })
  expect(torrent.urlList).toEqual([image.url])
  expect(torrent.private).toBeFalsy()
  const magnet = new URL(image.magnet).searchParams
  expect(magnet.get('xt')).toBe(`urn:btih:${torrent.infoHash}`)
  expect([magnet.get('dn'), magnet.get('xs'), magnet.get('ws')]).toEqual([
    image.filename,
    image.torrent_url,
    image.url,
  ])
  const folder = join(portal.folder, 'torrent')
  await aria2(folder, image.torrent_url)
  expect(digest(join(folder, image.filename))).toBe(image.sha256)
})

test('aria2 downloads by the metalink and checks what it names', async () => {
  const folder = join(portal.folder, 'metalink')
  await aria2(folder, '--follow-metalink=mem', image.metalink_url)
  expect(digest(join(folder, image.filename))).toBe(image.sha256)
  const wrong = join(portal.folder, 'wrong.meta4')
  const metalink = await (await fetch(image.metalink_url)).text()
  const other = metalink.replaceAll(/<hash>[0-9a-f]{64}</g, `<hash>${'0'.repeat(64)}<`)
  writeFileSync(wrong, other.replaceAll(image.sha256, '0'.repeat(64)))
  const refused = join(portal.folder, 'refused')
  await expect(aria2(refused, '--max-tries=1', `--metalink-file=${wrong}`)).rejects.toThrow()
})

test('curl and aria2 go on where a line broke', async () => {
  const path = new URL(image.download_url).pathname.replace('/download/', '/pub/')
  for (const client of ['curl', 'aria2'] as const) {
    const proxy = await startCuttingProxy(portal.url, 1, 2_000_000)
    try {
      const folder = join(portal.folder, `cut-${client}`)
      mkdirSync(folder)
      const address = `${proxy.url}${path}`
      const download = () =>
        client === 'curl'
          ? typed(`curl -fsS -C - -O ${address}`, folder)
          : aria2(
              folder,
              '--continue=true',
              '--max-tries=1',
              '--split=1',
              '--file-allocation=none',
              address,
            )
      await expect(download(), client).rejects.toThrow()
      const part = statSync(join(folder, image.filename)).size
      expect(part, client).toBeGreaterThan(0)
      expect(part, client).toBeLessThan(image.size_bytes)
      await download()
      expect(digest(join(folder, image.filename)), client).toBe(image.sha256)
      expect(proxy.ranges.at(-1), client).toMatch(/^bytes=[1-9]\d+-/)
    } finally {
      proxy.close()
    }
  }
})

test('zsync fetches only what an older file lacks', async () => {
  const folder = join(portal.folder, 'zsync')
  mkdirSync(folder)
  const older = readFileSync(join(desk, image.filename))
  older.fill(0, 3_000_000, 3_100_000)
  writeFileSync(join(folder, 'older.iso'), older)
  const said = await typed(`zsync -i older.iso ${image.zsync_url}`, folder)
  expect(digest(join(folder, image.filename))).toBe(image.sha256)
  expect(Number(/fetched (\d+)/.exec(said)?.[1])).toBeLessThan(image.size_bytes / 4)
})

test('only an administrator asks for images, and the same repositories give the same bytes', async () => {
  admin = await becomeAdmin(portal)
  const tester = await signUp(portal, 'first-mate')
  const input = { release: 'keel10' }
  await expect(tester.post('/api/composes', input)).rejects.toMatchObject({ status: 403 })
  await expect(anyone.post('/api/composes', input)).rejects.toMatchObject({ status: 401 })
  const { id } = await admin.post<Compose>('/api/composes', input)
  expect(await settled(id)).toMatchObject({ state: 'done', why: 'asked' })
  const [again, before] = await offered()
  expect(again?.label).not.toBe(image.label)
  expect(again?.sha256).toBe(image.sha256)
  expect(before).toMatchObject({ label: image.label, is_current: false })
  const latest = `${portal.url}/pub/keel/10/isos/${arch}/latest/SHA256SUMS`
  expect(await (await fetch(latest)).text()).toBe(`${again?.sha256}  ${again?.filename}\n`)
})

/** Looks at the published folders until it is told to stop. @returns what was wrong */
async function watch(stop: AbortSignal): Promise<{ looks: number; faults: string[] }> {
  const told = { looks: 0, faults: [] as string[] }
  const isos = join(portal.data, 'pub/keel/10/isos', arch)
  const seen = new Set<string>()
  while (!stop.aborted) {
    for (const label of readdirSync(isos)) {
      told.looks += 1
      if (seen.has(label) || !/^\d+\.\d+$/.test(label)) continue
      seen.add(label)
      const folder = join(isos, label)
      const names = readdirSync(folder).sort()
      if (names.length !== 7) told.faults.push(`${label}: ${names.join(' ')}`)
      const [sum, name = ''] = readFileSync(join(folder, 'SHA256SUMS'), 'utf8').trim().split('  ')
      if (digest(join(folder, name)) !== sum) told.faults.push(`${label}: another digest`)
    }
    for (const { url } of await offered().catch(() => []))
      if (!existsSync(join(portal.data, new URL(url).pathname))) told.faults.push(`no ${url}`)
    await sleep(20)
  }
  return told
}

test('a worker that is killed at any step leaves no half image, and the compose ends by itself', async () => {
  const stop = new AbortController()
  const watching = watch(stop.signal)
  const { id, task_id } = await admin.post<Compose>('/api/composes', { release: 'keel10' })
  for (const program of STEPS) gates[program].close()
  for (const program of STEPS) {
    await until(`${program} to be called`, () => gates[program].waits(), 120_000)
    const worker = portal.pidOf('worker')
    if (worker) process.kill(worker, 'SIGKILL')
    await until('the end of the worker', () => portal.pidOf('worker') !== worker)
    // What it had started lives on and writes into what nobody takes.
    gates[program].open()
  }
  expect(await settled(id)).toMatchObject({ state: 'done' })
  stop.abort()
  const { looks, faults } = await watching
  expect(faults).toEqual([])
  expect(looks).toBeGreaterThan(20)
  expect((await anyone.get<Task>(`/api/tasks/${task_id}`)).attempts).toBeGreaterThan(STEPS.length)
  const [newest] = await offered()
  expect(newest?.sha256).toBe(image.sha256)
  expect(readdirSync(join(portal.data, 'work')).filter((n) => n.startsWith('compose-'))).toEqual([])
})

test('older images go when newer ones have come, and the page no longer offers them', async () => {
  const labels = (await offered()).map((each) => each.label)
  expect(labels).toHaveLength(2)
  expect(labels).not.toContain(image.label)
  expect((await fetch(image.url)).status).toBe(404)
  expect((await fetch(image.tree_url)).status).toBe(404)
})

test('the command line asks for images, and a second asker is told what runs', async () => {
  gates.xorriso.close()
  const first = await slipway(portal, ['compose', 'keel10'])
  expect(first).toMatch(/^Compose \d+: http/)
  await until('xorriso to be called', () => gates.xorriso.waits())
  expect(await slipway(portal, ['compose'])).toContain('running already')
  gates.xorriso.open()
  await settled(Number(/\d+/.exec(first)?.[0]))
})
