/** When a push begins, and when it waits for the one before. */
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { push } from '../../db/schema/updates.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { claimTask } from '../../src/tasks/leases.ts'
import { finishTask } from '../../src/tasks/tasks.ts'
import { startPush } from '../../src/updates/pushes.ts'
import { prepareRelease, RELEASE } from '../support/builds.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
beforeEach(async () => {
  app = await testApp()
  await prepareRelease(app)
})
afterEach(() => app.end())

const begin = () => startPush(ctxOf(app), RELEASE, { evenEmpty: true })

it('does not begin between the end of a push and the end of its task', async () => {
  const first = await begin()
  const worker = { name: 'worker:1', channels: ['worker'], arches: ['noarch'] }
  const task = await claimTask(app, worker)
  expect(task?.id).toBe(first?.push.task_id)
  const done = { state: 'done' as const }
  await transaction({ app }, (tx) =>
    tx
      .update(push)
      .set(done)
      .where(eq(push.id, first?.push.id ?? 0)),
  )
  expect(await begin()).toBeUndefined()
  expect(await app.db.$count(push)).toBe(1)
  await transaction({ app }, (tx) =>
    finishTask(tx, ctxOf(app), task?.id ?? 0, task?.lease ?? '', { kind: 'closed', result: null }),
  )
  const next = await begin()
  expect(next?.fresh).toBe(true)
  expect(next?.push.task_id).not.toBe(task?.id)
})
