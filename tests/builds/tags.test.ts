/** Tags remember: what was in them at any moment, what changed between two, what they inherit. */

import { desc } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tag_change } from '../../db/schema/builds.ts'
import { inheritanceOrder } from '../../src/builds/tag.ts'
import { compareTag, tagBuild, taggedBuilds, untagBuild } from '../../src/builds/tags.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { makeBuild, prepareRelease } from '../support/builds.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
beforeAll(async () => {
  app = await testApp()
  await prepareRelease(app)
})
afterAll(() => app.end())

const names = async (
  ...args: Parameters<typeof taggedBuilds> extends [unknown, ...infer R] ? R : never
) => (await taggedBuilds(app.db, ...args)).map((row) => row.nvr).sort()

async function lastChange(): Promise<number> {
  const [row] = await app.db.select().from(tag_change).orderBy(desc(tag_change.id)).limit(1)
  return row?.id ?? 0
}

describe('a tag', () => {
  it('knows what was in it after each change, and what came and went', async () => {
    const ctx = ctxOf(app)
    const one = await makeBuild(app, 'one-1-1')
    const two = await makeBuild(app, 'two-1-1')
    await transaction(ctx, (tx) => tagBuild(tx, ctx, 'keel10-testing', one))
    const before = await lastChange()
    await transaction(ctx, async (tx) => {
      await tagBuild(tx, ctx, 'keel10-testing', two)
      await untagBuild(tx, ctx, 'keel10-testing', one)
    })
    const after = await lastChange()
    expect(await names('keel10-testing')).toEqual(['two-1-1'])
    expect(await names('keel10-testing', { at_change: before })).toEqual(['one-1-1'])
    const change = await compareTag(app.db, 'keel10-testing', before, after)
    expect(change.added.map((row) => row.nvr)).toEqual(['two-1-1'])
    expect(change.removed.map((row) => row.nvr)).toEqual(['one-1-1'])
  })

  it('records no change that changes nothing', async () => {
    const ctx = ctxOf(app)
    const row = await makeBuild(app, 'three-1-1')
    await transaction(ctx, (tx) => tagBuild(tx, ctx, 'keel10-testing', row))
    const count = await app.db.$count(tag_change)
    await transaction(ctx, async (tx) => {
      await tagBuild(tx, ctx, 'keel10-testing', row)
      await untagBuild(tx, ctx, 'keel10-stable', row)
    })
    expect(await app.db.$count(tag_change)).toBe(count)
  })

  it('inherits: an override hides what is stable, and only for its package', async () => {
    const ctx = ctxOf(app)
    const old = await makeBuild(app, 'lib-1-1')
    const fresh = await makeBuild(app, 'lib-2-1')
    const other = await makeBuild(app, 'tool-1-1')
    await transaction(ctx, async (tx) => {
      await tagBuild(tx, ctx, 'keel10-stable', old)
      await tagBuild(tx, ctx, 'keel10-stable', other)
    })
    expect(await names('keel10-build', { inherit: true })).toEqual(['lib-1-1', 'tool-1-1'])
    await transaction(ctx, (tx) => tagBuild(tx, ctx, 'keel10-override', fresh))
    expect(await names('keel10-build', { inherit: true })).toEqual(['lib-2-1', 'tool-1-1'])
  })

  it('gives the newest of each package when asked, by version and not by date', async () => {
    const ctx = ctxOf(app)
    const newer = await makeBuild(app, 'kit-10-1')
    const older = await makeBuild(app, 'kit-9-1')
    await transaction(ctx, async (tx) => {
      await tagBuild(tx, ctx, 'keel10-stable', newer)
      await tagBuild(tx, ctx, 'keel10-stable', older)
    })
    const ids = [newer.package_id]
    expect(await names('keel10-stable', { latest: true, package_ids: ids })).toEqual(['kit-10-1'])
  })
})

describe('inheritance', () => {
  it('goes depth first by priority and survives cycles', () => {
    const links = [
      { tag_id: 1, parent_id: 3, priority: 2 },
      { tag_id: 1, parent_id: 2, priority: 1 },
      { tag_id: 2, parent_id: 4, priority: 1 },
      { tag_id: 4, parent_id: 1, priority: 1 },
    ]
    expect(inheritanceOrder(1, links)).toEqual([1, 2, 4, 3])
  })
})
