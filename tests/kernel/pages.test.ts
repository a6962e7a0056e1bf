/**
 * The built site over its sockets: every page asked by everybody, with what strangers send, and what must hold for
 * pages, docs and files as for the API. On SQLite and PostgreSQL alike.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { advisory } from '../../db/schema/errata.ts'
import { root } from '../../src/kernel/paths.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { updateInput } from '../../src/updates/input.ts'
import { createUpdate } from '../../src/updates/updates.ts'
import { type BenchWeb, startWeb } from '../bench/web.ts'
import { makeBuild, prepareRelease, RELEASE } from '../support/builds.ts'
import { Chance } from '../support/chance.ts'
import { crawl } from '../support/crawl.ts'
import { fill, type Route, requestFor, rounds } from '../support/fuzz.ts'
import { allIdentities, type Identity } from '../support/identities.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

const REQUESTS = 1500
const SEED = 20_261_127
const SLOWEST_MS = 5000

let app: TestApp
let web: BenchWeb
let identities: Identity[]
beforeAll(async () => {
  const { buildSite } = (await import('../../bin/prepare.mjs')) as { buildSite: () => void }
  buildSite()
  app = await testApp()
  await prepareRelease(app)
  await makeBuild(app, 'libcase++-1~rc1^git-1.kl10')
  identities = await allIdentities(app)
  const { nvr } = await makeBuild(app, 'libthing++-2~rc1^git-1.kl10')
  const packager = ctxOf(app, personActor(2, 'packer-paul', ['member', 'packager', 'admin']))
  const input = { builds: [nvr], notes: 'words', type: 'bugfix', title: 'A libcase++ of **words**' }
  const { alias } = await createUpdate(packager, updateInput.parse(input))
  const at = app.clock.now()
  await transaction({ app }, (tx) =>
    tx.insert(advisory).values({
      ...{ number: 'KLBA-2026:0001', year: 2026, sequence: 1, release: RELEASE, type: 'bugfix' },
      ...{ update_alias: alias, severity: 'low', title: 'words', summary: 'words' },
      ...{ description: 'words', references: [], build_ids: [1], issued_at: at, updated_at: at },
    }),
  )
  web = await startWeb(app)
}, 180_000)
afterAll(async () => {
  await web?.stop()
  await app?.end()
})

/** An address for each file of src/pages, as routes write it. */
function pages(): Route[] {
  const files = readdirSync(join(root, 'src/pages'), { recursive: true, encoding: 'utf8' })
  return files
    .filter((file) => file.endsWith('.astro') && !/^(404|500)\./.test(file))
    .map((file) => `/${file.replace(/\.astro$/, '').replace(/(^|\/)index$/, '')}`)
    .map((path) => path.replaceAll(/\[(\w+)\]/g, ':$1'))
    .map((path) => ({
      method: 'GET',
      path,
      query: ['q', 'state', 'release', 'cursor', 'search', 'from', 'package'],
    }))
}

const withToken = () => identities.find(({ name }) => name === 'token:read')?.headers ?? {}

describe('every page', () => {
  it('fails for nobody, and takes no time', { timeout: 400_000 }, async () => {
    const chance = new Chance(SEED)
    const known = [
      'libcase++',
      'libcase++-1~rc1^git-1.kl10',
      RELEASE,
      '1',
      'packagers',
      'member-mary',
    ]
    const faults: string[] = []
    const statuses = new Map<number, number>()
    for (const route of rounds(pages(), REQUESTS)) {
      const { name, headers } = chance.one(identities)
      const asked = requestFor(
        route,
        { chance, known, bend: 0 },
        { ...headers, Accept: 'text/html' },
        [],
      )
      // A real client sends none that is wrong.
      asked.headers.delete('Content-Length')
      const url = asked.url.replace('http://portal.test', web.url)
      const began = performance.now()
      const answer = await fetch(url, {
        headers: asked.headers,
        redirect: 'manual',
        signal: AbortSignal.timeout(30_000),
      })
      const text = await answer.text()
      const took_ms = performance.now() - began
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      if (answer.status >= 500 || took_ms > SLOWEST_MS || /\n {4}at /.test(text))
        faults.push(
          `${name}: ${answer.status} after ${Math.round(took_ms)} ms: ${url.slice(0, 200)}`,
        )
    }
    expect(faults).toEqual([])
    expect(statuses.get(200) ?? 0).toBeGreaterThan(REQUESTS / 5)
  })

  it('is found by the fuzz: each file of src/pages', () => {
    expect(pages().length).toBeGreaterThan(40)
    expect(fill('/packages/:name', { chance: new Chance(1), known: ['x'], bend: 0 })).toMatch(
      /^\/packages\/./,
    )
  })
})

describe('a page that wants a session', () => {
  it('says so to a token, as a refusal', async () => {
    const answer = await fetch(`${web.url}/account`, { headers: withToken() })
    expect(answer.status).toBe(403)
    const text = await answer.text()
    expect(text).toContain('This was refused')
    expect(text).toContain('browser')
  })
})

describe('headers', () => {
  it.each(['/', '/docs', '/builds/none', '/brand/icon.svg', '/healthz', '/_astro'])(
    'are those of %s',
    async (path) => {
      const file = readdirSync(join(root, 'dist/client/_astro'))[0] ?? ''
      const { headers } = await fetch(`${web.url}${path === '/_astro' ? `/_astro/${file}` : path}`)
      expect(headers.get('Content-Security-Policy')).toContain("frame-ancestors 'none'")
      expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
      expect(headers.get('X-Frame-Options')).toBe('DENY')
    },
  )
})

describe('a name with + ~ ^ and :', () => {
  const nvr = 'libcase++-1~rc1^git-1.kl10'

  it('leads somewhere from every page, feed and list that links it', async () => {
    const starts = [
      '/packages',
      '/builds',
      '/updates',
      '/search?q=libcase',
      '/sitemap.xml',
      '/feeds/builds.atom',
      '/feeds/updates.atom',
      '/feeds/errata.atom',
    ]
    const seen = await crawl(web.url, [...starts, `/packages/libcase++`, `/builds/${nvr}`])
    const named = [...seen].filter(([path]) => /libcase|KLBA/.test(decodeURIComponent(path)))
    expect(named.length).toBeGreaterThan(8)
    expect(named.filter(([path]) => path.includes('KLBA')).length).toBeGreaterThan(0)
    const broken = named.filter(([, answer]) => answer.status !== 200)
    expect(broken.map(([path, { status, from }]) => `${status} ${path} on ${from}`)).toEqual([])
  })

  it.each([
    '/packages/libcase++',
    '/packages/libcase%2B%2B',
    '/packages/libcase%2b+',
    `/builds/${nvr}`,
    `/builds/${encodeURIComponent(nvr)}`,
    `/api/builds/${encodeURIComponent(nvr)}`,
    `/api/builds/${nvr}`,
    '/api/packages/libcase%2B%2B',
    '/errata/KLBA-2026:0001',
    '/errata/KLBA-2026%3A0001',
    '/packages?search=libcase%2B%2B',
    '/api/packages?search=libcase%2B%2B',
    '/search?q=libcase%2B%2B',
  ])('is found at %s', async (path) => {
    const answer = await fetch(web.url + path)
    expect(answer.status).toBe(200)
    expect(await answer.text()).toMatch(path.includes('KLBA') ? /KLBA-2026:0001/ : /libcase\+\+/)
  })

  it('is no other name when it is encoded twice', async () => {
    expect((await fetch(`${web.url}/api/packages/libcase%252B%252B`)).status).toBe(404)
  })
})

describe('a bad cookie', () => {
  it.each(['/', '/docs', '/builds', '/search?q=x', '/account/log-in'])(
    'does not matter to %s',
    async (path) => {
      const answer = await fetch(web.url + path, { headers: { Cookie: 'a=100%' } })
      expect(answer.status).toBe(200)
    },
  )
})
