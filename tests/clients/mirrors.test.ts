/**
 * dnf through the metalink against five real mirrors, one of them stale, one corrupt, one slow, one dead and one
 * reached by IPv6 only: what it installs is right, and it never needs to be told which mirror to take.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { specOf } from '../builder/program.ts'
import { Api, type Build, type Update } from '../support/api.ts'
import { createMachine, type Machine } from '../support/dnf.ts'
import { built, makeSrpm, reaches, submitSrpm } from '../support/packages.ts'
import { becomeAdmin, signUp } from '../support/people.ts'
import { freePort, type Portal, startPortal } from '../support/portal.ts'
import { slipway } from '../support/slipway.ts'
import { serveTree, type TreeMirror } from '../support/tree-mirrors.ts'
import { until } from '../support/until.ts'

const run = promisify(execFile)
const NAMES = ['stale', 'corrupt', 'slow', 'dead', 'six'] as const
type Name = (typeof NAMES)[number]

let portal: Portal
let mirrors: Record<Name, TreeMirror>
const place = (name: Name, port: number) => `${name === 'six' ? '[::1]' : '127.0.0.1'}:${port}`
/** An address of nobody, by which IPv6 mirrors are asked for. */
const SIX = '&ip=2001:db8::7'

beforeAll(async () => {
  const ports = await Promise.all(NAMES.map(() => freePort()))
  const places = NAMES.map((name, at) => place(name, ports[at] ?? 0))
  portal = await startPortal({
    env: { SLIPWAY_PRIVATE_MIRRORS: places.join(',') },
    distribution: [['stable_karma: 2', 'stable_karma: 1']],
  })
  await seedsAreStable()
  const current = join(portal.folder, 'current')
  copyTree(current)
  const served = await Promise.all(
    NAMES.map((name, at) =>
      serveTree(ports[at] ?? 0, name === 'six' ? '::1' : '127.0.0.1', current),
    ),
  )
  mirrors = Object.fromEntries(NAMES.map((name, at) => [name, served[at]])) as typeof mirrors
  const folder = join(portal.folder, 'registry')
  mkdirSync(folder)
  for (const [at, name] of NAMES.entries())
    writeFileSync(join(folder, `${name}.yaml`), fileOf(name, places[at] ?? ''))
  await slipway(portal, ['mirror', 'import', folder])
  await listed(NAMES.length)
})
afterAll(async () => {
  await Promise.all(Object.values(mirrors ?? {}).map((mirror) => mirror.stop()))
  await portal?.stop()
})

const fileOf = (name: Name, at: string) =>
  [
    ...[`name: ${name}.example.org`, 'site: {name: Harbour, contacts: [noc@example.org]}'],
    ...[`urls: ['http://${at}/']`, 'country: DE', 'bandwidth_mbps: 10000'],
    ...[`ipv4: ${name !== 'six'}`, `ipv6: ${name === 'six'}`, ''],
  ].join('\n')

/** As rsync would: links stay links. */
function copyTree(to: string): void {
  cpSync(join(portal.data, 'pub'), to, { recursive: true, verbatimSymlinks: true })
}

async function seedsAreStable(): Promise<void> {
  const api = new Api(portal.url)
  await until(
    'the seeds in stable',
    async () => {
      const builds = await api.all<Build>('/api/builds')
      const whole = await Promise.all(builds.map(({ nvr }) => api.get<Build>(`/api/builds/${nvr}`)))
      return whole.filter((each) => each.tags.includes('keel10-stable')).length >= 5
    },
    180_000,
  )
  await pushesHaveEnded()
}

async function pushesHaveEnded(): Promise<void> {
  const pushes = () => new Api(portal.url).all<{ state: string }>('/api/pushes')
  await until('the pushes to end', async () => (await pushes()).every((p) => p.state === 'done'))
}

/** Waits until so many mirrors are on the list for baseos, by any family. */
async function listed(count: number): Promise<void> {
  const list = async (query: string) =>
    (
      await fetch(
        `${portal.url}/mirrorlist?repo=baseos-10&arch=${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}&country=global${query}`,
      )
    ).text()
  await until(
    `${count} mirrors on the list`,
    async () => {
      const urls = new Set(((await list('')) + (await list(SIX))).match(/^http\S+$/gm))
      // The portal's own tree is one more.
      return urls.size === count + 1
    },
    90_000,
    500,
  )
}

const key = () => join(portal.data, 'keys/public.asc')

/** Packages that are on the machine are whole, as rpm sees them. */
async function expectWhole(machine: Machine, names: string[]): Promise<void> {
  const installed = await machine.installed()
  for (const name of names) expect(installed.join('\n')).toContain(`${name}-`)
  const { stdout } = await run('rpm', ['--root', machine.root, '-Va', '--nouser', '--nogroup'])
  expect(stdout).toBe('')
}

it('prints the daemons’ configuration, or writes it', async () => {
  const nginx = await slipway(portal, ['mirror', 'config', 'nginx', '--port', '8088'])
  expect(nginx).toContain(`root ${portal.data};`)
  const file = join(portal.folder, 'vsftpd.conf')
  await slipway(portal, ['mirror', 'config', 'vsftpd', '--write', file])
  expect(readFileSync(file, 'utf8')).toContain(`anon_root=${portal.data}/pub`)
  const kept = join(portal.data, 'mirrors/rsyncd.conf')
  expect(readFileSync(kept, 'utf8')).toBe(await slipway(portal, ['mirror', 'config', 'rsyncd']))
  const list = join(portal.data, 'pub/keel/fullfiletimelist-keel')
  expect(readFileSync(list, 'utf8')).toMatch(/^\[Version\]\n2\n\n\[Files\]\n\d+\t/)
})

it('lets curl and aria2 go on where they were cut off, from the portal itself', async () => {
  const list = readFileSync(join(portal.data, 'pub/keel/fullfiletimelist-keel'), 'utf8')
  const path = /^\d+\tf\t\d+\t(\S+\.rpm)$/m.exec(list)?.[1] ?? ''
  const bytes = readFileSync(join(portal.data, 'pub/keel', path))
  const clients = {
    curl: ['--silent', '--fail', '--continue-at', '-', '--output', join(portal.folder, 'curl')],
    aria2c: ['--quiet', '--continue=true', '--dir', portal.folder, '--out', 'aria2c'],
  }
  for (const [client, args] of Object.entries(clients)) {
    writeFileSync(join(portal.folder, client), bytes.subarray(0, 1000))
    await run(client, [...args, `${portal.url}/pub/keel/${path}`])
    expect(readFileSync(join(portal.folder, client)).equals(bytes)).toBe(true)
  }
})

const quick = ['--setopt=timeout=3', '--setopt=minrate=1000', '--setopt=retries=2']

it('installs while all five are good, from mirrors and not from the portal alone', async () => {
  const machine = createMachine(join(portal.folder, 'first'), portal.url, key(), '&country=DE')
  await machine.dnf('install', 'keel-setup', 'rpmvercmp', ...quick)
  await expectWhole(machine, ['keel-setup', 'rpmvercmp'])
  const asked = NAMES.flatMap((name) => mirrors[name].asked.filter((path) => path.endsWith('.rpm')))
  expect(asked.length).toBeGreaterThan(0)
  expect(mirrors.six.asked.some((path) => path.endsWith('.rpm'))).toBe(false)
})

/** A push into both repositories of stable. @returns a copy of the tree as it is then */
async function pushSomething(): Promise<string> {
  const admin = await becomeAdmin(portal)
  const tester = await signUp(portal, 'second-mate')
  const srpm = await makeSrpm(specOf('lantern', ':'))
  const { nvr } = await built(admin, await submitSrpm(admin, srpm))
  const input = { builds: [nvr], type: 'newpackage', title: 'A lantern', notes: 'Lit.' }
  const { alias } = await admin.post<Update>('/api/updates', input)
  await reaches(admin, alias, 'testing')
  await tester.post(`/api/updates/${alias}/votes`, { karma: 1 })
  await reaches(admin, alias, 'stable')
  await pushesHaveEnded()
  const now = join(portal.folder, 'now')
  copyTree(now)
  return now
}

it('installs the right files after a push that one mirror has not, and while three others are bad', async () => {
  const now = await pushSomething()
  // `stale` goes on with what was published before: whole, signed, and no longer current.
  for (const name of ['corrupt', 'slow', 'six'] as const) mirrors[name].root = now
  mirrors.corrupt.behaviour = 'corrupt'
  mirrors.slow.behaviour = 'slow'
  await mirrors.dead.stop()
  // What clients asked while all were good says nothing of these.
  for (const name of NAMES) mirrors[name].asked.length = 0
  for (let n = 0; n < 3; n++) {
    const machine = createMachine(join(portal.folder, `bad-${n}`), portal.url, key(), '&country=DE')
    await machine.dnf('install', 'keel-setup', 'rpmvercmp', ...quick)
    await expectWhole(machine, ['keel-setup', 'rpmvercmp'])
  }
  const asked = (name: Name) => mirrors[name].asked.length
  expect(asked('stale') + asked('corrupt') + asked('slow')).toBeGreaterThan(0)
})

it('gives a client without IPv4 the mirror that it can reach', async () => {
  mirrors.six.asked.length = 0
  const machine = createMachine(join(portal.folder, 'six'), portal.url, key(), `${SIX}&country=DE`)
  await machine.dnf('install', 'keel-setup', 'rpmvercmp', ...quick)
  await expectWhole(machine, ['keel-setup', 'rpmvercmp'])
  expect(mirrors.six.asked.some((path) => path.endsWith('.rpm'))).toBe(true)
})
