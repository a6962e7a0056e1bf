/**
 * A push that ends anywhere, in any way: rows, tags, trees, metalinks, updateinfo and letters tell one story, and
 * what was not published goes out with the next push. Steps, files and database are the real ones; only the end
 * is ours.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { task as taskTable } from '../../db/schema/tasks.ts'
import { push } from '../../db/schema/updates.ts'
import { DAY_MS, MINUTE_MS } from '../../src/kernel/clock.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import type { TaskHandler, TaskRun } from '../../src/tasks/handler.ts'
import { reapLeases } from '../../src/tasks/leases.ts'
import { runTask } from '../../src/tasks/runner.ts'
import { cancelTask, finishTask, type TaskRow } from '../../src/tasks/tasks.ts'
import { pushSteps } from '../../src/updates/push.ts'
import { giveUpPush, withdrawFromPush } from '../../src/updates/push-ends.ts'
import { pushTask } from '../../src/updates/push-task.ts'
import { startPush } from '../../src/updates/pushes.ts'
import { requestUpdate } from '../../src/updates/requests.ts'
import { castVote } from '../../src/updates/votes.ts'
import { RELEASE } from '../support/builds.ts'
import { makeRpms, PushWorld } from '../support/push-world.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let world: PushWorld
let folder: string
const waiting: string[] = []

/** The whole table takes minutes: it is for the soak. Here each end meets each step once. */
const steps = pushSteps
const ends = ['killed', 'failed', 'canceled', 'lost'] as const
const withdrawals = ['withdrawn', 'voted down', 'given up'] as const

beforeAll(async () => {
  folder = await makeRpms(2 * (ends.length + withdrawals.length) * steps.length + 10)
  app = await testApp()
  world = new PushWorld(app, folder)
  await world.prepare()
  await startPush(ctxOf(app), RELEASE, { evenEmpty: true })
  await world.work()
  for (let n = 0; n < 2 * (ends.length + withdrawals.length) * steps.length; n++)
    waiting.push(await world.update())
  await startPush(ctxOf(app), RELEASE)
  await world.work()
  app.clock.advance(8 * DAY_MS)
}, 300_000)
afterAll(async () => {
  await app?.end()
  rmSync(join(folder, '../..'), { recursive: true, force: true })
})

class Ended extends Error {}

/** Runs the push's task, and calls `act` right before a step. @returns when the task's run is over */
async function runUntil(
  task: TaskRow,
  step: string,
  act: (run: TaskRun<unknown>) => Promise<void>,
) {
  let acted = false
  const handler: TaskHandler = {
    ...(pushTask as TaskHandler),
    run: (run) =>
      (pushTask as TaskHandler).run({
        ...run,
        log: async (line) => {
          await run.log(line)
          if (line !== step || acted) return
          acted = true
          await act(run)
        },
      }),
  }
  await runTask(app, new Map([['push', handler]]), task)
  expect(acted, `the push came to ${step}`).toBe(true)
}

/** A handler's process is gone: its error is not handled, its lease stays until it is over. */
async function killAt(task: TaskRow, step: string) {
  const run = { ...task }
  await runUntil(run, step, async () => {
    // Whoever holds the lease from here on, it is not this run.
    await transaction({ app }, (tx) =>
      tx.update(taskTable).set({ lease: 'nobody' }).where(eq(taskTable.id, task.id)),
    )
    throw new Ended('killed')
  })
}

const leaseOver = async () => {
  app.clock.advance(MINUTE_MS)
  await reapLeases(ctxOf(app))
  app.clock.advance(10 * MINUTE_MS)
}

async function begun(): Promise<{ id: number; task: TaskRow; aliases: [string, string] }> {
  const aliases: [string, string] = [waiting.shift() ?? '', waiting.shift() ?? '']
  for (const alias of aliases) await requestUpdate(world.packager, alias, 'stable')
  const started = await startPush(ctxOf(app), RELEASE)
  const task = await world.claim()
  if (!started || task?.id !== started.push.task_id) throw new Error('the push was not begun')
  return { id: started.push.id, task, aliases }
}

const stateOf = async (id: number) => {
  const [row] = await app.db.select().from(push).where(eq(push.id, id))
  return row
}

describe.each([...steps])('before %s', (step) => {
  it.each([...ends])(
    'a push that is %s is undone or completed, and nothing is in between',
    async (end) => {
      const { id, task, aliases } = await begun()
      if (end === 'killed') await killAt(task, step)
      if (end === 'lost')
        await runUntil(task, step, async () => {
          // The lease ends while its holder works; another does the whole push; then the first goes on.
          await leaseOver()
          await world.work()
        })
      if (end === 'failed')
        await runUntil(task, step, async (run) => {
          const outcome = {
            kind: 'failed' as const,
            reason: { code: 'task.broke', params: { message: 'x' } },
          }
          await transaction(run.ctx, (tx) =>
            finishTask(tx, run.ctx, task.id, task.lease ?? '', outcome),
          )
          await world.deliverAll()
          throw new Ended('failed')
        })
      if (end === 'canceled')
        await runUntil(task, step, async () => {
          await cancelTask(world.admin, task.id)
          await world.deliverAll()
        })
      // Between the commit point and the switch metalinks are ahead of the tree, and lead past it.
      if (end === 'killed' && step !== 'switch') await world.oneStory([], expect)
      await leaseOver()
      await world.work()
      const published = step === 'switch' || end === 'killed' || end === 'lost'
      expect((await stateOf(id))?.state).toBe(published ? 'done' : 'failed')
      const status = published ? 'stable' : 'testing'
      for (const alias of aliases) expect((await world.row(alias)).status).toBe(status)
      await world.oneStory(aliases, expect)
      await startPush(ctxOf(app), RELEASE)
      await world.work()
      for (const alias of aliases) expect((await world.row(alias)).status).toBe('stable')
      await world.oneStory(aliases, expect)
    },
  )

  it.each([...withdrawals])('what is %s does not go out unless it is out already', async (way) => {
    const { id, task, aliases } = await begun()
    const [gone, other] = aliases
    const late = step === 'switch'
    await runUntil(task, step, async () => {
      const act = {
        withdrawn: () => withdrawFromPush(world.admin, id, gone, 'It breaks booting.'),
        'given up': () => giveUpPush(world.admin, id, 'It hangs.'),
        'voted down': async () => {
          for (let n = 10; n < 14; n++)
            await castVote(ctxOf(app, personActor(n, `tester${n}`)), gone, { karma: -1 })
        },
      }[way]
      if (late) await expect(act()).rejects.toMatchObject({ status: 409 })
      else
        await act().catch((error: unknown) => {
          // Three votes are enough; the fourth finds it obsolete.
          if (way !== 'voted down') throw error
        })
    })
    await world.work()
    await leaseOver()
    await world.work()
    const left = { withdrawn: 'testing', 'voted down': 'obsolete', 'given up': 'testing' }[way]
    expect((await world.row(gone)).status).toBe(late ? 'stable' : left)
    expect((await world.row(other)).status).toBe(way === 'given up' && !late ? 'testing' : 'stable')
    await world.oneStory(aliases, expect)
    if (way === 'withdrawn' && !late) await requestUpdate(world.packager, gone, 'stable')
    await startPush(ctxOf(app), RELEASE, { evenEmpty: true })
    await world.work()
    expect((await world.row(gone)).status).toBe(
      way === 'voted down' && !late ? 'obsolete' : 'stable',
    )
    await world.oneStory(aliases, expect)
  })
})
