/** How far the first builds of a release are, and where a package's builds are. */
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { build } from '../../db/schema/builds.ts'
import { buildState } from '../../src/builds/build.ts'
import { viewPackage } from '../../src/builds/builds.ts'
import { seedProgress } from '../../src/builds/requests.ts'
import { contentPackages } from '../../src/packages/names.ts'
import { makeBuild, prepareRelease } from '../support/builds.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
beforeAll(async () => {
  app = await testApp()
  await prepareRelease(app)
})
afterAll(() => app.end())

const set = (nvr: string, values: Partial<typeof build.$inferInsert>) =>
  app.database.write((tx) => tx.update(build).set(values).where(eq(build.nvr, nvr)))

it('counts each seed package once, by its best try', async () => {
  const total = (await contentPackages(app)).length
  expect(total).toBeGreaterThanOrEqual(5)
  expect(await seedProgress(ctxOf(app))).toEqual({ built: 0, failed: 0, total })
  await makeBuild(app, 'keel-release-10-1')
  await makeBuild(app, 'keel-release-10-2')
  await makeBuild(app, 'keel-logos-1-1')
  await makeBuild(app, 'stranger-1-1')
  await set('keel-release-10-1', { bootstrap: true })
  await set('keel-release-10-2', { bootstrap: true, state: buildState.FAILED })
  await set('keel-logos-1-1', { bootstrap: true, state: buildState.FAILED })
  await set('stranger-1-1', { bootstrap: true })
  expect(await seedProgress(ctxOf(app))).toEqual({ built: 1, failed: 1, total })
})

it('says which build of a package is in which tag', async () => {
  const { builds, tagged, more } = await viewPackage(ctxOf(app), 'keel-release')
  expect(builds.map((row) => row.nvr)).toEqual(['keel-release-10-2', 'keel-release-10-1'])
  expect(tagged.map((each) => [each.tag, each.build.nvr])).toEqual([
    ['keel10-candidate', 'keel-release-10-2'],
    ['keel10-candidate', 'keel-release-10-1'],
  ])
  expect(more).toBe(false)
  await expect(viewPackage(ctxOf(app), 'nothing')).rejects.toMatchObject({ status: 404 })
})
