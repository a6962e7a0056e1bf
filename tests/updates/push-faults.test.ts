/** Packages that can't be published: the update that brings one goes back and says so, the rest goes out. */
import { execFileSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { rpm } from '../../db/schema/builds.ts'
import { push_content, repository_rpm } from '../../db/schema/repos.ts'
import { push_change } from '../../db/schema/updates.ts'
import { findBuild } from '../../src/builds/builds.ts'
import { tagBuild } from '../../src/builds/tags.ts'
import { dataPath } from '../../src/kernel/config.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { listRepositories } from '../../src/repos/repositories.ts'
import { storedPath } from '../../src/repos/store.ts'
import type { TaskHandler } from '../../src/tasks/handler.ts'
import { runTask } from '../../src/tasks/runner.ts'
import { giveUpPush } from '../../src/updates/push-ends.ts'
import { pushTask } from '../../src/updates/push-task.ts'
import { startPush, viewPush } from '../../src/updates/pushes.ts'
import { buildsOfUpdates } from '../../src/updates/updates.ts'
import { RELEASE } from '../support/builds.ts'
import { makePoison, makeRpms, PushWorld } from '../support/push-world.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let world: PushWorld
let folder: string

beforeEach(async () => {
  folder = await makeRpms(4)
  app = await testApp()
  world = new PushWorld(app, folder)
  await world.prepare()
})
afterEach(async () => {
  await app.end()
  rmSync(join(folder, '../..'), { recursive: true, force: true })
})

/** Packages of an update as they lie in the store. */
async function filesOf(alias: string) {
  const { id } = await world.row(alias)
  const [build] = await buildsOfUpdates(app.db, [id])
  return app.db
    .select()
    .from(rpm)
    .where(eq(rpm.build_id, build?.build.id ?? 0))
}

async function pushAll() {
  const started = await startPush(ctxOf(app), RELEASE, { evenEmpty: true })
  await world.work()
  return viewPush(ctxOf(app), started?.push.id ?? 0)
}

const outcome = async (alias: string) => {
  const { status, ejected } = await world.row(alias)
  return { status, why: ejected?.map(({ code }) => code) ?? [] }
}

it.each(['changed', 'lost'])('sends back an update whose stored package is %s', async (how) => {
  const bad = await world.update()
  const good = await world.update()
  const [file] = await filesOf(bad)
  const path = storedPath(app, file ?? { filename: '', unsigned_sha256: '' })
  if (how === 'lost') rmSync(path)
  else execFileSync('sh', ['-c', 'printf x >> "$0"', path])
  const { push, updates } = await pushAll()
  expect(push.state).toBe('done')
  expect(await outcome(bad)).toEqual({ status: 'pending', why: ['push.file-damaged'] })
  expect(updates.find(({ update }) => update.alias === bad)?.entry.ejected?.[0]?.params).toEqual({
    filename: file?.filename,
  })
  expect(await outcome(good)).toEqual({ status: 'testing', why: [] })
  await world.oneStory([good, bad], expect)
})

it('sends back an update with a package that createrepo_c drops without a word', async () => {
  makePoison(folder, 'p000')
  world = new PushWorld(app, folder)
  const bad = await world.update()
  const good = await world.update()
  expect((await pushAll()).push.state).toBe('done')
  expect(await outcome(bad)).toEqual({ status: 'pending', why: ['push.file-dropped'] })
  expect(await outcome(good)).toEqual({ status: 'testing', why: [] })
  await world.oneStory([good, bad], expect)
})

it('leaves out, and notes, what no update brings', async () => {
  makePoison(folder, 'p000')
  world = new PushWorld(app, folder)
  const nvr = await world.build()
  const build = await findBuild(app.db, nvr)
  if (!build) throw new Error('no build')
  // As an older portal left it: in the tag, in no update.
  await transaction({ app }, (tx) => tagBuild(tx, ctxOf(app), `${RELEASE}-testing`, build))
  const good = await world.update()
  const { push } = await pushAll()
  expect(push.state).toBe('done')
  expect(push.notes).toContainEqual({
    code: 'push.left-out',
    params: { filename: `${nvr}.noarch.rpm` },
  })
  await world.oneStory([good], expect)
  const again = await pushAll()
  expect(again.push.state).toBe('done')
})

it('leaves nothing of a push that was given up: no plan, no link in the tree, no folder', async () => {
  await pushAll()
  const alias = await world.update()
  const started = await startPush(ctxOf(app), RELEASE)
  const id = started?.push.id ?? 0
  const task = await world.claim()
  if (!task) throw new Error('no task')
  const handler: TaskHandler = {
    ...(pushTask as TaskHandler),
    run: (run) =>
      (pushTask as TaskHandler).run({
        ...run,
        log: async (line) => {
          if (line === 'publish') await giveUpPush(world.admin, id, 'It hangs.')
        },
      }),
  }
  await runTask(app, new Map([['push', handler]]), task)
  await world.work()
  expect((await viewPush(ctxOf(app), id)).push.state).toBe('failed')
  expect(await outcome(alias)).toEqual({ status: 'pending', why: [] })
  for (const table of [push_change, push_content, repository_rpm])
    expect(await app.db.$count(table)).toBe(0)
  for (const { path } of await listRepositories(app.db, RELEASE)) {
    const top = dataPath(app.config, 'pub', path)
    const files = readdirSync(join(top, 'Packages'), { recursive: true, encoding: 'utf8' })
    expect(files.filter((name) => name.endsWith('.rpm'))).toEqual([])
    expect(readdirSync(join(top, '.generations'))).toHaveLength(1)
  }
  expect(readdirSync(dataPath(app.config, 'work'))).toEqual([])
})
