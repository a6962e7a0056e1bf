/**
 * The way through: from an empty folder and sources to `dnf upgrade`, with real rpmbuild, real dnf and
 * people who vote. The tests are one story and run in order.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeRepository, serveGit } from '../builder/git-server.ts'
import { helloTarball, specOf } from '../builder/program.ts'
import { Api, type Build, type Update } from '../support/api.ts'
import { createMachine, type Machine, readIn } from '../support/dnf.ts'
import { built, makeSrpm, reaches, submitSrpm } from '../support/packages.ts'
import { becomeAdmin, signUp, signUpPackager } from '../support/people.ts'
import { type Portal, root, startPortal } from '../support/portal.ts'
import { slipway } from '../support/slipway.ts'
import { until } from '../support/until.ts'

const year = new Date().getUTCFullYear()
const arch = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim()
const repositories = mkdtempSync(join(tmpdir(), 'slipway-git-'))

let portal: Portal
let git: Awaited<ReturnType<typeof serveGit>>
let anyone: Api
let packager: Api
let admin: Api
let testers: Api[]
let machine: Machine
/** Aliases of the updates, by package. */
const aliases: Record<string, string> = {}

beforeAll(async () => {
  makeRepository(join(repositories, 'sounding.git'), {
    'sounding.spec': specOf('sounding', 'echo sounding'),
  })
  git = await serveGit(repositories, '')
  portal = await startPortal({ env: { SLIPWAY_PRIVATE_SOURCES: git.host } })
  anyone = new Api(portal.url)
  admin = await becomeAdmin(portal)
  packager = await signUpPackager(portal, admin, 'ship-wright')
  testers = [await signUp(portal, 'first-mate'), await signUp(portal, 'second-mate')]
  const key = join(portal.data, 'keys/public.asc')
  machine = createMachine(join(portal.folder, 'machine'), portal.url, key)
})
afterAll(async () => {
  git?.close()
  await portal?.stop()
  rmSync(repositories, { recursive: true, force: true })
})

/** A new release of one of the distribution's own packages. */
function raiseRelease(name: string): void {
  const spec = join(portal.content, 'packages', name, `${name}.spec`)
  writeFileSync(spec, readFileSync(spec, 'utf8').replace(/^(Release:\s+)1%/m, '$12%'))
}

/** A file of a repository's metadata, by its type. */
async function metadata(repository: string, type: string): Promise<string> {
  const base = `${portal.url}/pub/keel/${repository}`
  const repomd = await (await fetch(`${base}/repodata/repomd.xml`)).text()
  const href = new RegExp(`type="${type}">[\\s\\S]*?<location href="([^"]+)"`).exec(repomd)?.[1]
  if (!href) return ''
  return gunzipSync(await (await fetch(`${base}/${href}`)).arrayBuffer()).toString()
}

/** The same once it names something: who reads without a metalink follows after what an update's status says. */
const metadataWith = (repository: string, type: string, named: string) =>
  until(`${named} in ${type} of ${repository}`, async () => {
    const text = await metadata(repository, type)
    return text.includes(named) && text
  })

test('its own packages are built and go straight to stable, and the push says why', async () => {
  const seeds = ['keel-logos', 'keel-release', 'keel-repos-testing', 'keel-setup', 'rpmvercmp']
  const inStable = async () => {
    const builds = await anyone.all<Build>('/api/builds')
    const whole = builds.map(({ nvr }) => anyone.get<Build>(`/api/builds/${nvr}`))
    const stable = (await Promise.all(whole)).filter((each) => each.tags.includes('keel10-stable'))
    return stable.length >= seeds.length && stable
  }
  const stable = await until('the seeds in stable', inStable)
  expect(stable.map((each) => each.name).sort()).toEqual(seeds)
  expect(stable.every((each) => each.bootstrap && each.state === 'COMPLETE')).toBe(true)
  const pushes = () => anyone.all<{ state: string; notes: { sentence: string }[] }>('/api/pushes')
  await until('the pushes to end', async () => (await pushes()).every((p) => p.state === 'done'))
  const notes = (await pushes()).flatMap((push) => push.notes.map((note) => note.sentence))
  expect(notes.join()).toMatch(
    /seed builds? went straight to stable, since the release is still pending \(bootstrap\)/,
  )
})

test('the metalink holds what librepo asks of it, and the mirror list leads to the same place', async () => {
  const answer = await fetch(`${portal.url}/metalink?repo=baseos-10&arch=${arch}`)
  expect(answer.headers.get('Content-Type')).toContain('application/metalink+xml')
  const metalink = await answer.text()
  const url = /<url protocol="http" type="http"[^>]*>([^<]+)</.exec(metalink)?.[1] ?? ''
  expect(url).toMatch(/\/repodata\/repomd\.xml$/)
  const repomd = Buffer.from(await (await fetch(url)).arrayBuffer())
  for (const type of ['md5', 'sha1', 'sha256', 'sha512'])
    expect(metalink).toContain(
      `<hash type="${type}">${createHash(type).update(repomd).digest('hex')}</hash>`,
    )
  expect(metalink).toContain(`<size>${repomd.length}</size>`)
  const newest = Math.max(
    ...[...repomd.toString().matchAll(/<timestamp>(\d+)/g)].map((m) => +(m[1] ?? 0)),
  )
  expect(metalink).toContain(`<mm0:timestamp>${newest}</mm0:timestamp>`)
  const list = await (await fetch(`${portal.url}/mirrorlist?repo=baseos-10&arch=${arch}`)).text()
  const [plain = '', ...others] = list.split('\n').filter((line) => !/^(#|$)/.test(line))
  expect(others).toEqual([])
  const there = Buffer.from(await (await fetch(`${plain}repodata/repomd.xml`)).arrayBuffer())
  expect(there).toEqual(repomd)
  const unknown = await fetch(`${portal.url}/metalink?repo=baseos-11&arch=${arch}`)
  expect(unknown.status).toBe(404)
  expect(await unknown.text()).toContain(`#   repo=baseos-10&arch=${arch}`)
})

test('dnf installs from the empty root on, with every signature checked', async () => {
  await machine.dnf('install', 'keel-release', 'keel-setup', 'rpmvercmp')
  expect(await machine.installed()).toEqual([
    'keel-gpg-keys-10-1.kl10.noarch',
    'keel-release-10-1.kl10.noarch',
    'keel-repos-10-1.kl10.noarch',
    'keel-setup-10.0-1.kl10.noarch',
    `rpmvercmp-1.0-1.kl10.${arch}`,
  ])
  expect(readIn(machine, 'etc/os-release')).toContain('NAME="Keel Linux"')
  const repo = readIn(machine, 'etc/yum.repos.d/keel.repo')
  expect(repo).toContain(`metalink=${portal.url}/metalink?repo=baseos-$releasever&arch=$basearch`)
  expect(repo).not.toMatch(/gpgcheck=0/)
  expect(readIn(machine, 'etc/pki/rpm-gpg/RPM-GPG-KEY-keel').trim()).toBe(
    readFileSync(join(portal.data, 'keys/public.asc'), 'utf8').trim(),
  )
})

test('what another key has signed is refused', async () => {
  const home = mkdtempSync(join(portal.folder, 'gnupg-'))
  const gpg = (...args: string[]) =>
    execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', ...args], { stdio: 'pipe' })
  gpg('--passphrase', '', '--quick-generate-key', 'Someone Else', 'ed25519', 'sign', 'never')
  const key = join(portal.folder, 'other.asc')
  writeFileSync(key, gpg('--armor', '--export'))
  const wary = createMachine(join(portal.folder, 'wary'), portal.url, key)
  await expect(wary.dnf('install', 'keel-release')).rejects.toThrow(
    'repomd.xml GPG signature verification error: Bad GPG signature',
  )
  expect(await wary.installed()).toEqual([])
})

const PATIENCE_MS = 600_000

test(
  'GNU hello builds from its original tarball, uploaded as a source package',
  async () => {
    const spec = readFileSync(join(root, 'tests/builder/fixtures/hello.spec'), 'utf8')
    const first = await built(
      packager,
      await submitSrpm(packager, await makeSrpm(spec, [helloTarball()])),
      // Its configure runs hundreds of compilers; other programs may use the processor, too.
      PATIENCE_MS,
    )
    expect(first.nvr).toBe('hello-2.10-1.kl10')
    expect(first.rpms.map((rpm) => rpm.filename).sort()).toEqual([
      'hello-2.10-1.kl10.src.rpm',
      `hello-2.10-1.kl10.${arch}.rpm`,
    ])
    expect(first.tags).toEqual(['keel10-candidate'])
  },
  PATIENCE_MS,
)

test('the command line builds a source package from elsewhere, with a token', async () => {
  const spec = specOf('sounding', 'echo deeper').replace('Release: 1%', 'Release: 2%')
  const env = { SLIPWAY_TOKEN: packager.token }
  const printed = await slipway(portal, ['build', await makeSrpm(spec), '--wait'], env)
  const id = Number(/\/tasks\/(\d+)/.exec(printed)?.[1])
  expect((await built(packager, { id })).nvr).toBe('sounding-1.0-2.kl10')
})

test('packages are built from git, and new releases from the distribution’s own folder', async () => {
  const url = `http://${git.host}/sounding.git`
  const task = await packager.post<{ id: number }>('/api/builds', { url, ref: 'v1' })
  expect((await built(packager, task)).nvr).toBe('sounding-1.0-1.kl10')
  for (const name of ['rpmvercmp', 'keel-setup']) {
    raiseRelease(name)
    await slipway(portal, ['build', name, '--wait'])
  }
  const nvrs = (await anyone.all<Build>('/api/builds')).map((each) => each.nvr)
  expect(nvrs).toEqual(expect.arrayContaining(['rpmvercmp-1.0-2.kl10', 'keel-setup-10.0-2.kl10']))
})

test('the distribution’s own packages are the team’s, until it gives one', async () => {
  const update = { title: 'Mine', type: 'bugfix', notes: 'Mine.' }
  for (const name of ['keel-setup', 'rpmvercmp']) {
    const build = name === 'rpmvercmp' ? 'rpmvercmp-1.0-2.kl10' : 'keel-setup-10.0-2.kl10'
    await expect(packager.post('/api/updates', { ...update, builds: [build] })).rejects.toThrow(
      `${name} is looked after by others. Ask on its page to help with it.`,
    )
    const gift = { role: 'maintainer', reason: 'Has asked for it.' }
    await admin.put(`/api/packages/${name}/people/ship-wright`, gift)
  }
})

test('updates go to testing, and everyone can read what they wait for', async () => {
  const inputs = [
    { name: 'hello', type: 'newpackage', builds: ['hello-2.10-1.kl10'], notes: 'A greeting.' },
    { name: 'sounding', type: 'newpackage', builds: ['sounding-1.0-1.kl10'], notes: 'A lead.' },
    { name: 'keel-setup', type: 'bugfix', builds: ['keel-setup-10.0-2.kl10'], notes: 'Tidied.' },
    {
      ...{ name: 'rpmvercmp', type: 'security', severity: 'high', cves: [`CVE-${year}-4321`] },
      ...{ builds: ['rpmvercmp-1.0-2.kl10'], notes: 'Compares <safely> & soundly.' },
    },
  ]
  for (const { name, ...input } of inputs) {
    const update = await packager.post<Update>('/api/updates', { ...input, title: `New ${name}` })
    expect(update).toMatchObject({ status: 'pending', request: 'testing' })
    expect(update.alias).toMatch(new RegExp(`^KEEL-${year}-[0-9a-f]{10}$`))
    aliases[name] = update.alias
  }
  for (const alias of Object.values(aliases)) {
    const update = await reaches(anyone, alias, 'testing')
    expect(update.waits_for.map((each) => each.sentence)).toEqual([
      'It needs 2 karma (it has 0) or 7 days in testing (it has 0).',
    ])
  }
  const alias = `<id>${aliases.rpmvercmp}</id>`
  const testing = await metadataWith(`testing/10/AppStream/${arch}/os`, 'updateinfo', alias)
  expect(testing).toContain('status="testing" type="security"')
  const other = `<id>${aliases['keel-setup']}</id>`
  await metadataWith(`testing/10/BaseOS/${arch}/os`, 'updateinfo', other)
  expect(await metadata(`10/AppStream/${arch}/os`, 'primary')).not.toContain('hello')
})

test('a tester’s machine gets them from the testing repositories', async () => {
  const bench = createMachine(
    join(portal.folder, 'bench'),
    portal.url,
    join(portal.data, 'keys/public.asc'),
  )
  await bench.dnf('install', 'keel-release', 'keel-repos-testing')
  await bench.dnf('install', 'hello', 'rpmvercmp')
  expect(await bench.installed()).toEqual(
    expect.arrayContaining([`hello-2.10-1.kl10.${arch}`, `rpmvercmp-1.0-2.kl10.${arch}`]),
  )
  expect(await bench.dnf('updateinfo', 'list', '--all')).toContain(aliases.rpmvercmp)
})

test('two votes carry them to stable, each with an advisory', async () => {
  for (const alias of Object.values(aliases)) {
    const vote = { karma: 1 }
    await expect(packager.post(`/api/updates/${alias}/votes`, vote)).rejects.toThrow(
      'You submitted this update; your own vote does not count. Comment instead.',
    )
    await testers[0]?.post(`/api/updates/${alias}/votes`, vote)
    const sentences = (await anyone.update(alias)).waits_for.map((each) => each.sentence)
    expect(sentences).toEqual(['It needs 2 karma (it has 1) or 7 days in testing (it has 0).'])
    await testers[1]?.post(`/api/updates/${alias}/votes`, vote)
  }
  for (const alias of Object.values(aliases)) await reaches(anyone, alias, 'stable')
  const issued = `<id>KLSA-${year}:`
  const stable = await metadataWith(`10/AppStream/${arch}/os`, 'updateinfo', issued)
  expect(stable).toMatch(new RegExp(`<id>KLSA-${year}:\\d{4}</id>`))
  expect(stable).toContain('Compares &lt;safely&gt; &amp; soundly.')
})

test('dnf shows the advisories, through the metalink that keel-release brought', async () => {
  await machine.dnf('makecache', '--refresh')
  const list = await machine.dnf('updateinfo', 'list')
  expect(list).toMatch(new RegExp(`KLBA-${year}:\\d{4} +bugfix +keel-setup-10.0-2.kl10.noarch`))
  expect(list).toMatch(
    new RegExp(`KLSA-${year}:\\d{4} +Important/Sec\\. +rpmvercmp-1.0-2.kl10.${arch}`),
  )
  const security = await machine.dnf('updateinfo', 'list', '--security')
  expect(security).toContain('rpmvercmp')
  expect(security).not.toContain('keel-setup')
  const info = await machine.dnf('updateinfo', 'info', '--security')
  for (const words of ['New rpmvercmp', 'Severity: Important', `CVE-${year}-4321`, '<safely>'])
    expect(info).toContain(words)
})

test('dnf upgrades what is asked for: security, an advisory, everything', async () => {
  await machine.dnf('upgrade', '--security')
  expect(await machine.installed()).toEqual(
    expect.arrayContaining(['keel-setup-10.0-1.kl10.noarch', `rpmvercmp-1.0-2.kl10.${arch}`]),
  )
  const list = await machine.dnf('updateinfo', 'list')
  const advisory = /KLBA-\S+/.exec(list)?.[0] ?? ''
  await machine.dnf('upgrade', `--advisory=${advisory}`)
  expect(await machine.installed()).toContain('keel-setup-10.0-2.kl10.noarch')
  await machine.dnf('install', 'hello', 'sounding')
  expect(execFileSync(join(machine.root, 'usr/bin/hello'), { encoding: 'utf8' })).toBe(
    'Hello, world!\n',
  )
  const { alias } = await packager.post<Update>('/api/updates', {
    ...{ type: 'enhancement', builds: ['sounding-1.0-2.kl10'], notes: 'Again.', title: 'sounding' },
  })
  await reaches(anyone, alias, 'testing')
  for (const tester of testers) await tester.post(`/api/updates/${alias}/votes`, { karma: 1 })
  await reaches(anyone, alias, 'stable')
  await machine.dnf('upgrade', '--refresh')
  expect(await machine.installed()).toContain('sounding-1.0-2.kl10.noarch')
  expect(await machine.dnf('updateinfo', 'list')).not.toMatch(/KL[SBE]A/)
})

test('the sources are there to read, signed like the rest', async () => {
  const sources = ['--repo=appstream-source', '--repo=baseos-source']
  const found = await machine.dnf('repoquery', ...sources, '--qf', '%{name}-%{evr}.%{arch}')
  expect(found.trim().split('\n')).toEqual(
    expect.arrayContaining(['hello-2.10-1.kl10.src', 'keel-release-10-1.kl10.src']),
  )
  const href = (
    await machine.dnf('repoquery', ...sources, '--location', 'hello-2.10-1.kl10.src')
  ).trim()
  const file = join(portal.folder, 'hello.src.rpm')
  writeFileSync(file, Buffer.from(await (await fetch(href)).arrayBuffer()))
  const db = ['--dbpath', join(portal.folder, 'rpmdb')]
  execFileSync('rpmkeys', [...db, '--import', join(portal.data, 'keys/public.asc')])
  expect(execFileSync('rpmkeys', [...db, '--checksig', file], { encoding: 'utf8' })).toContain(
    'digests signatures OK',
  )
})

test('a second start builds nothing again and keeps everything', async () => {
  const before = await anyone.all<Build>('/api/builds')
  expect(await portal.end()).toBe(0)
  await portal.start()
  expect(await anyone.all<Build>('/api/builds')).toEqual(before)
  expect(portal.said().match(/first-admin/g)).toHaveLength(1)
  await machine.dnf('makecache', '--refresh')
})
