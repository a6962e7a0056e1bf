/**
 * Every route, asked by everybody, with what strangers send: 20,000 requests. Nothing may fail on our side, take
 * long, or show what it is made of. On SQLite and PostgreSQL alike.
 */
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureSigningKey } from '../../src/kernel/signing.ts'
import { createPortal } from '../../src/portal.ts'
import { updateInput } from '../../src/updates/input.ts'
import { createUpdate } from '../../src/updates/updates.ts'
import { makeBuild, prepareRelease, RELEASE } from '../support/builds.ts'
import { Chance } from '../support/chance.ts'
import { formFields, type Route, requestFor, rounds, routesOf, tell } from '../support/fuzz.ts'
import { allIdentities, type Identity, keepIdentities } from '../support/identities.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

const REQUESTS = 20_000
/** FUZZ_SEED is another run; each is the same every time. */
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_126)
/** Argon2 beside two other workers of a loaded machine; what hangs, hangs for longer. */
const SLOWEST_MS = 5000

/** What the app wrote down of its faults: a 500 says nothing itself. */
const logged: string[] = []
const log = pino({ level: 'error' }, { write: (line: string) => void logged.push(line) })

let app: TestApp
let portal: ReturnType<typeof createPortal>
let identities: Identity[]
let routes: Route[]
let known: string[]
beforeAll(async () => {
  app = await testApp({ overrides: { log } })
  await prepareRelease(app)
  // The portal makes it before it serves; sources have it in them.
  await ensureSigningKey(app)
  portal = createPortal(app)
  routes = routesOf(portal)
  identities = await allIdentities(app)
  const build = await makeBuild(app, 'libcase++-1~rc1^git-1.kl10', 2)
  const packager = ctxOf(app, personActor(2, 'packer-paul', ['member', 'packager']))
  const input = { builds: [build.nvr], notes: 'words', type: 'bugfix', title: 'x' }
  const { alias } = await createUpdate(packager, updateInput.parse(input))
  known = [
    ...[
      build.nvr,
      build.name,
      alias,
      RELEASE,
      'x86_64',
      'baseos-10',
      'keel-release',
      '1',
      '2',
      '3',
    ],
    ...[
      'member-mary',
      'packer-paul',
      'admin-anna',
      'fuzz-builder',
      'packagers',
      'packager',
      'admin',
    ],
    ...['testing', 'stable', 'a reason that is long enough', '+1', 'update', 'ga', 'go', 'beta'],
  ]
})
afterAll(() => app.end())

it('knows every route that there is', () => {
  expect(routes.length).toBeGreaterThan(150)
  expect(routes.filter((each) => each.body).length).toBeGreaterThan(20)
  expect(formFields().length).toBeGreaterThan(30)
})

describe('20,000 requests of everybody', () => {
  it('fail on no side but theirs, and take no time', { timeout: 900_000 }, async () => {
    const chance = new Chance(SEED)
    const fields = formFields()
    const restore = await keepIdentities(app)
    const faults = new Map<string, string>()
    const statuses = new Map<number, number>()
    let slowest_ms = 0
    let done = 0
    for (const route of rounds(routes, REQUESTS)) {
      if (done++ % 500 === 0) await restore()
      // Who may do most comes furthest.
      const admin = chance.often(0.3) && identities.find((each) => each.name === 'admin-anna')
      const { name, headers } = admin || chance.one(identities)
      const source = { chance, known, bend: chance.one([0, 0, 0.05, 0.3]) }
      const request = requestFor(route, source, headers, fields)
      const copy = request.clone()
      const began = performance.now()
      const answer = await portal.request(request)
      const stream = answer.headers.get('Content-Type')?.startsWith('text/event-stream')
      if (stream) await answer.body?.cancel()
      const text = stream ? '' : await answer.text()
      const took_ms = performance.now() - began
      slowest_ms = Math.max(slowest_ms, took_ms)
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      // A form's answer is a redirect whatever went wrong, so that what was logged counts as well.
      const why = logged.splice(0).join('').slice(0, 1500)
      const failed = answer.status >= 500 || why !== '' || /\n {4}at /.test(text)
      const bad = failed || took_ms > SLOWEST_MS
      const key = why.match(/src\/[^)]*/)?.[0] || `${route.method} ${route.path}`
      if (bad && !faults.has(key))
        faults.set(
          key,
          `${name}: ${answer.status} after ${Math.round(took_ms)} ms\n${await tell(copy)}\n${why || text.slice(0, 300)}`,
        )
    }
    expect([...faults.values()].join('\n\n')).toBe('')
    // Not all refused: some came through to the verbs.
    expect(statuses.get(200) ?? 0).toBeGreaterThan(REQUESTS / 20)
    expect([201, 202, 204, 303].reduce((n, s) => n + (statuses.get(s) ?? 0), 0)).toBeGreaterThan(
      500,
    )
    expect(slowest_ms).toBeLessThan(SLOWEST_MS)
  })
})
