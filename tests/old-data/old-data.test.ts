/**
 * What exists goes on: data folders that commit 12c4415 left behind (make.ts made them) start under today's code,
 * on both databases. History is what it was, secrets work, packages have owners, and pushes go on.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { specOf } from '../builder/program.ts'
import { Api, type Build, type Update } from '../support/api.ts'
import { built, makeSrpm, reaches, submitSrpm } from '../support/packages.ts'
import { createPortal, type Portal } from '../support/portal.ts'
import { until } from '../support/until.ts'

type Row = Record<string, unknown>

interface Known {
  tokens: { admin: string; packager: string; tester: string }
  builder: string
  aliases: { stable: string; testing: string; unpushed: string }
  answers: Record<'builds' | 'updates' | 'pushes' | 'overrides' | 'groups', Row[]> & {
    advisories: string[]
    metalinks: Record<string, string>
  }
}

const file = (name: string) => join(import.meta.dirname, name)

/** A PostgreSQL server that runs until it is told. */
async function startPostgres(): Promise<{ url: string; stop(): Promise<void> }> {
  const { withPostgres } = (await import('../../bin/postgres.mjs')) as {
    withPostgres(work: (url: string) => Promise<void>): Promise<void>
  }
  const over = Promise.withResolvers<void>()
  const started = Promise.withResolvers<string>()
  const running = withPostgres((url) => {
    started.resolve(url)
    return over.promise
  })
  running.catch(started.reject)
  return {
    url: await started.promise,
    stop: () => {
      over.resolve()
      return running
    },
  }
}

describe.each(['sqlite', 'postgres'] as const)('a data folder of 12c4415, on %s', (database) => {
  const known = JSON.parse(readFileSync(file(`${database}.json`), 'utf8')) as Known
  let portal: Portal
  let server: Awaited<ReturnType<typeof startPostgres>> | undefined
  let anyone: Api
  const as = (who: keyof Known['tokens']) =>
    new Api(portal.url, { Authorization: `Bearer ${known.tokens[who]}` })

  beforeAll(async () => {
    portal = await createPortal()
    mkdirSync(portal.data)
    execFileSync('tar', ['-C', portal.data, '-xJf', file(`${database}.tar.xz`)])
    if (database === 'postgres') {
      server = await startPostgres()
      const sql = execFileSync('xz', ['-dc', file('postgres.sql.xz')], { maxBuffer: 2 ** 28 })
      execFileSync('psql', ['--quiet', '-v', 'ON_ERROR_STOP=1', server.url], { input: sql })
      portal.env.DATABASE_URL = server.url
    }
    await portal.start()
    anyone = new Api(portal.url)
  })
  afterAll(async () => {
    await portal?.stop()
    await server?.stop()
  })

  /** What time changes, since the folder was made. */
  const timely = ['waits_for', 'tags', 'expired_at', 'karma', 'comments', 'votes']
  const lasting = (row: Row) =>
    Object.fromEntries(Object.entries(row).filter(([key]) => !timely.includes(key)))

  test('keeps builds, updates, pushes, overrides and groups as they were told', async () => {
    const { answers } = known
    expect(answers.builds.length).toBeGreaterThan(8)
    for (const old of answers.builds)
      expect(await anyone.get(`/api/builds/${old.nvr}`)).toMatchObject(lasting(old))
    for (const old of answers.updates) {
      const now = await anyone.update(String(old.alias))
      expect(now).toMatchObject(lasting(old))
      for (const part of ['votes', 'comments'] as const)
        expect(now[part]).toMatchObject((old[part] as Row[]).map(lasting))
    }
    for (const kind of ['pushes', 'overrides', 'groups'] as const) {
      const now = await anyone.all<Row>(`/api/${kind}`)
      for (const old of answers[kind])
        expect(now).toContainEqual(expect.objectContaining(lasting(old)))
    }
  })

  test('keeps advisories by their numbers', async () => {
    const errata = await (await fetch(`${portal.url}/errata`)).text()
    expect(known.answers.advisories).toHaveLength(1)
    for (const number of known.answers.advisories) expect(errata).toContain(number)
  })

  test('serves the generations that clients have heard of', async () => {
    const at = { 'baseos-10': '10/BaseOS', 'appstream-10': '10/AppStream' }
    for (const [repo, folder] of Object.entries(at)) {
      const sha256 = known.answers.metalinks[repo]
      const generation = `${portal.url}/pub/keel/${folder}/x86_64/os/.generations/${sha256}`
      const repomd = await fetch(`${generation}/repodata/repomd.xml`)
      expect([repo, repomd.status]).toEqual([repo, 200])
    }
  })

  test('gives every package to those who brought it, and what is shipped to the administrators', async () => {
    const owners = async (name: string) => {
      const found = await anyone.get<{ owners: Row[] }>(`/api/packages/${name}`)
      return found.owners
    }
    expect(await owners('anchor')).toMatchObject([{ person: 'ship-wright', role: 'owner' }])
    expect(await owners('keel-release')).toMatchObject([{ group: 'administrators', role: 'owner' }])
  })

  test('takes the tokens that people and builders have', async () => {
    expect(await as('packager').get('/api/account/me')).toMatchObject({ username: 'ship-wright' })
    const { testing } = known.aliases
    await as('tester').post(`/api/updates/${testing}/comments`, { text: 'Still good.' })
    const builder = new Api(portal.url, { Authorization: `Bearer ${known.builder}` })
    // As a builder of that commit says it.
    const able = { arches: ['noarch'], channels: ['default'], drivers: ['host'], capacity: 1 }
    const beat = { version: '0.1.0', ...able, missing: [], tasks: [] }
    await expect(builder.post('/api/builder/heartbeat', beat)).resolves.toBeTruthy()
    const builders = await anyone.all<{ name: string; enabled: boolean }>('/api/builders')
    expect(builders).toContainEqual(expect.objectContaining({ name: 'shore', enabled: true }))
  })

  test('builds, votes and pushes on, with the next number', async () => {
    const spec = specOf('lantern', 'echo two').replace('Version: 1.0', 'Version: 2.0')
    const packager = as('packager')
    const { nvr } = await built(packager, await submitSrpm(packager, await makeSrpm(spec)))
    const about = { type: 'security', severity: 'low', title: 'Brighter', notes: 'Brighter.' }
    const input = { builds: [nvr], ...about }
    const { alias } = await packager.post<Update>('/api/updates', input)
    await reaches(anyone, alias, 'testing')
    for (const who of ['admin', 'tester'] as const)
      await as(who).post(`/api/updates/${alias}/votes`, { karma: 1 })
    await reaches(anyone, alias, 'stable')
    const base = `${portal.url}/pub/keel/10/AppStream/x86_64/os`
    const updateinfo = await until('the new advisory in the tree', async () => {
      const repomd = await (await fetch(`${base}/repodata/repomd.xml`)).text()
      const href = /type="updateinfo">[\s\S]*?<location href="([^"]+)"/.exec(repomd)?.[1]
      const text = gunzipSync(await (await fetch(`${base}/${href}`)).arrayBuffer()).toString()
      return text.includes('Brighter') && text
    })
    const [first = ''] = known.answers.advisories
    expect(updateinfo).toContain(`<id>${first}</id>`)
    expect(updateinfo).toMatch(/<id>KLSA-\d{4}:000[12]<\/id>[\s\S]*Brighter/)
    const build = await anyone.get<Build>(`/api/builds/${nvr}`)
    expect(build.tags).toContain('keel10-stable')
  })
})
