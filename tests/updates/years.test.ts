/**
 * Two years of a distribution, or with `npm test` a tenth of each: sources, packages, advisories, and a push every
 * day that takes one update to testing and another to stable. What a push costs, and what is kept, follows from what
 * changed and not from how long it has gone on.
 */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { count, eq, isNotNull } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { advisory } from '../../db/schema/errata.ts'
import { generation, repository_rpm } from '../../db/schema/repos.ts'
import { push } from '../../db/schema/updates.ts'
import { DAY_MS } from '../../src/kernel/clock.ts'
import { dataPath } from '../../src/kernel/config.ts'
import { must } from '../../src/kernel/must.ts'
import { listRepositories, type RepositoryRow } from '../../src/repos/repositories.ts'
import { startPush } from '../../src/updates/pushes.ts'
import { requestUpdate } from '../../src/updates/requests.ts'
import { RELEASE } from '../support/builds.ts'
import { fillStable } from '../support/large-release.ts'
import { RpmTemplate } from '../support/many-rpms.ts'
import { makeRpms, PushWorld } from '../support/push-world.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'

const whole = process.env.SLIPWAY_SOAK !== undefined
const SIZE = whole
  ? { sources: 4_000, binaries: 12, advisories: 4_000 }
  : { sources: 400, binaries: 12, advisories: 400 }
const DAYS = whole ? 730 : 73
/** In testing for so long; then it goes to stable. */
const TESTING_DAYS = 8
/** Days of a push at the beginning and at the end that are compared. */
const COMPARED = 10

let app: TestApp
let world: PushWorld
let folder: string
const took_ms: number[] = []
/** Updates by the day on which they were made. */
const aliases: string[] = []

async function day(n: number): Promise<void> {
  aliases.push(await world.update({ autokarma: false, autotime: false }))
  const ripe = aliases[n - TESTING_DAYS]
  if (ripe !== undefined) await requestUpdate(world.packager, ripe, 'stable')
  await world.deliverAll()
  const started = performance.now()
  await startPush(ctxOf(app), RELEASE)
  await world.work()
  took_ms.push(performance.now() - started)
  app.clock.advance(DAY_MS)
}

beforeAll(async () => {
  const template = await RpmTemplate.make()
  folder = await makeRpms(DAYS)
  app = await testApp()
  world = new PushWorld(app, folder)
  await world.prepare()
  await fillStable(app, template, SIZE)
  await startPush(ctxOf(app), RELEASE, { evenEmpty: true })
  await world.work()
  for (let n = 0; n < DAYS; n++) await day(n)
}, 7_200_000)
afterAll(async () => {
  await app?.end()
  rmSync(join(folder, '../..'), { recursive: true, force: true })
})

const stableOnes = DAYS - TESTING_DAYS

async function binaries(stage: string): Promise<RepositoryRow> {
  const rows = await listRepositories(app.db, RELEASE)
  return must(
    rows.find(
      (each) => each.stage === stage && each.arch !== 'src' && each.path.includes('AppStream'),
    ),
  )
}

it('every push went through', async () => {
  const states = await app.db
    .select({ state: push.state, n: count() })
    .from(push)
    .groupBy(push.state)
  expect(states).toEqual([{ state: 'done', n: DAYS + 1 }])
})

it('stable has every package and every advisory, testing what is being tested', async () => {
  const stable = await world.read(await binaries('stable'))
  expect(stable.packages).toHaveLength(SIZE.sources * SIZE.binaries + stableOnes)
  expect(stable.advisories.size).toBe(SIZE.advisories + stableOnes)
  expect(await app.db.$count(advisory)).toBe(SIZE.advisories + stableOnes)
  expect((await world.read(await binaries('testing'))).packages).toHaveLength(TESTING_DAYS)
})

it('a push costs no more at the end than at the beginning', () => {
  const median = (some: number[]) =>
    must(some.toSorted((a, b) => a - b)[Math.floor(some.length / 2)])
  // The first days have nothing that goes to stable.
  const first = median(took_ms.slice(TESTING_DAYS, TESTING_DAYS + COMPARED))
  const last = median(took_ms.slice(-COMPARED))
  process.stdout.write(`a push: ${first.toFixed(0)} ms at first, ${last.toFixed(0)} ms at last\n`)
  expect(last / first).toBeLessThan(2)
})

it('rows follow what changed, and generations go', async () => {
  const [own] = await app.db
    .select({ n: count() })
    .from(repository_rpm)
    .where(eq(repository_rpm.repository_id, (await binaries('stable')).id))
  expect(own?.n).toBe(SIZE.sources * SIZE.binaries + stableOnes)
  const kept = await app.db
    .select({ n: count(), repository: generation.repository_id })
    .from(generation)
    .where(isNotNull(generation.published_at))
    .groupBy(generation.repository_id)
  const most = Math.max(...kept.map(({ n }) => n))
  process.stdout.write(`generations of a repository: ${most} at most\n`)
  expect(most).toBeLessThan(40)
  const path = dataPath(app.config, 'pub', (await binaries('stable')).path, '.generations')
  expect(readdirSync(path).length).toBeLessThan(40)
})
