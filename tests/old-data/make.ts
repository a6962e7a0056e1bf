/**
 * Makes the data folders of tests/old-data: what a portal of commit 12c4415 left behind, on SQLite and PostgreSQL.
 * Run once, with that commit's code:
 *
 *     git worktree add --detach /tmp/old 12c4415 && cp -r tests/old-data /tmp/old/tests/ && cd /tmp/old
 *     npm install && npx astro build && node_modules/.bin/node tests/old-data/make.ts <folder for what it makes>
 *
 * For each database: the data folder as an archive (of PostgreSQL the dump beside it), and what the portal answered
 * and which secrets it gave, as JSON.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { specOf } from '../builder/program.ts'
import { Api, type Build, type Update } from '../support/api.ts'
import { built, makeSrpm, reaches, submitSrpm } from '../support/packages.ts'
import { becomeAdmin, signUp, signUpPackager } from '../support/people.ts'
import { createPortal, type Portal } from '../support/portal.ts'
import { slipway } from '../support/slipway.ts'
import { until } from '../support/until.ts'

const SEEDS = 5
const release = 'keel10'
const [, , out = '.'] = process.argv

/** A package, built. @returns its NVR */
async function build(
  api: Api,
  name: string,
  version = '1.0',
  build_release = '1',
): Promise<string> {
  const spec = specOf(name, `echo ${version}`)
    .replace('Version: 1.0', `Version: ${version}`)
    .replace('Release: 1%', `Release: ${build_release}%`)
  return (await built(api, await submitSrpm(api, await makeSrpm(spec)))).nvr
}

async function update(api: Api, nvr: string, more: object = {}): Promise<string> {
  const about = { type: 'bugfix', title: `About ${nvr}`, notes: 'It is **lit**.', ...more }
  const { alias } = await api.post<Update>('/api/updates', { builds: [nvr], ...about })
  return alias
}

/** A history of every kind. @returns the secrets that it gave */
async function live(portal: Portal) {
  const anyone = new Api(portal.url)
  const admin = await becomeAdmin(portal)
  await until(
    'the seeds in stable',
    async () => {
      const tasks = await anyone.all<{ state: string }>('/api/tasks')
      const builds = await anyone.all<Build>('/api/builds')
      return builds.length >= SEEDS && tasks.every(({ state }) => state === 'CLOSED')
    },
    300_000,
  )
  const packager = await signUpPackager(portal, admin, 'ship-wright')
  const testers = [await signUp(portal, 'first-mate'), await signUp(portal, 'second-mate')]
  const stable = await update(packager, await build(packager, 'lantern'), {
    ...{ type: 'security', severity: 'high', cves: ['CVE-2026-4321'] },
    bugs: [{ url: 'https://bugs.example.org/7', title: 'It is dark' }],
  })
  await reaches(anyone, stable, 'testing')
  for (const tester of testers) await tester.post(`/api/updates/${stable}/votes`, { karma: 1 })
  await reaches(anyone, stable, 'stable')
  // Time does not carry it on, whenever the data are looked at again.
  const testing = await update(packager, await build(packager, 'anchor'), { autotime: false })
  await reaches(anyone, testing, 'testing')
  await testers[0]?.post(`/api/updates/${testing}/votes`, { karma: 1 })
  await testers[1]?.post(`/api/updates/${testing}/comments`, { text: 'Looks **good**.' })
  const unpushed = await update(packager, await build(packager, 'tackle'))
  await reaches(anyone, unpushed, 'testing')
  await packager.post(`/api/updates/${unpushed}/request`, { request: 'unpush' })
  const over = await build(packager, 'rudder')
  await packager.post('/api/overrides', { nvr: over, notes: 'Others build with it.' })
  const builder = (await slipway(portal, ['builder', 'add', 'shore'])).trim().split(/\s+/).at(-1)
  const pushes = () => anyone.all<{ state: string }>('/api/pushes')
  await until('the pushes to end', async () => (await pushes()).every((p) => p.state === 'done'))
  return {
    tokens: { admin: admin.token, packager: packager.token, tester: testers[0]?.token ?? '' },
    builder: builder ?? '',
    aliases: { stable, testing, unpushed },
  }
}

/** What it answers to everyone. */
async function answers(portal: Portal) {
  const anyone = new Api(portal.url)
  const each = async <T>(list: string, path: (one: T) => string) =>
    Promise.all((await anyone.all<T>(list)).map((one) => anyone.get(path(one))))
  const metalinks: Record<string, string> = {}
  for (const repo of ['baseos-10', 'appstream-10', 'appstream-testing-10']) {
    const answer = await fetch(`${portal.url}/metalink?repo=${repo}&arch=x86_64`)
    const text = await answer.text()
    metalinks[repo] = /<hash type="sha256">([0-9a-f]{64})</.exec(text)?.[1] ?? ''
  }
  const errata = await (await fetch(`${portal.url}/errata`)).text()
  return {
    builds: await each<Build>('/api/builds', ({ nvr }) => `/api/builds/${nvr}`),
    updates: await each<Update>('/api/updates', ({ alias }) => `/api/updates/${alias}`),
    advisories: [...new Set(errata.match(/KL[SBE]A-\d{4}:\d{4}/g) ?? [])].sort(),
    pushes: await anyone.all('/api/pushes'),
    overrides: await anyone.all('/api/overrides'),
    groups: await anyone.all('/api/groups'),
    metalinks,
  }
}

async function make(database: 'sqlite' | 'postgres', url: string): Promise<void> {
  const portal = await createPortal()
  portal.env.DATABASE_URL = url
  try {
    await portal.start()
    const secrets = await live(portal)
    const known = { release, url: portal.url, ...secrets, answers: await answers(portal) }
    await portal.end()
    // Letters and logs say what the rows say.
    for (const part of ['mail', 'logs'])
      rmSync(join(portal.data, part), { recursive: true, force: true })
    writeFileSync(join(out, `${database}.json`), `${JSON.stringify(known, null, 1)}\n`)
    execFileSync('tar', ['-C', portal.data, '-cJf', join(out, `${database}.tar.xz`), '.'])
    if (url !== '') {
      const [version] = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a))
      const dump = join('/usr/lib/postgresql', version ?? '', 'bin/pg_dump')
      const sql = execFileSync(dump, ['--no-owner', url], { maxBuffer: 2 ** 28 })
      const xz = execFileSync('xz', ['-9', '--stdout'], { input: sql, maxBuffer: 2 ** 28 })
      writeFileSync(join(out, 'postgres.sql.xz'), xz)
    }
  } finally {
    await portal.stop()
  }
}

await make('sqlite', '')
const { withPostgres } = (await import('../../bin/postgres.mjs')) as {
  withPostgres(work: (url: string) => Promise<void>): Promise<void>
}
await withPostgres((url) => make('postgres', url))
for (const name of readdirSync(out))
  process.stdout.write(`${name} ${readFileSync(join(out, name)).length} bytes\n`)
