/** The task tree: one holder at a time, nothing lost with its holder, parents that wait and wake. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { PortalError } from '../../src/kernel/errors.ts'
import { reason } from '../../src/kernel/reason.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { closed, failed, rest, type TaskHandler } from '../../src/tasks/handler.ts'
import { claimTask, reapLeases, renewLease, suspendTask } from '../../src/tasks/leases.ts'
import { readLog, writeLog } from '../../src/tasks/logs.ts'
import { runTask } from '../../src/tasks/runner.ts'
import {
  LEASE_MS,
  retryDelayMs,
  taskState,
  type WaitFacts,
  waitsFor,
} from '../../src/tasks/task.ts'
import {
  cancelTask,
  createTask,
  finishTask,
  getTask,
  type NewTask,
  type TaskRow,
} from '../../src/tasks/tasks.ts'
import { taskWaits } from '../../src/tasks/view.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
beforeEach(async () => {
  app = await testApp()
})
afterEach(() => app.end())

const worker = { name: 'worker:a', channels: ['worker'], arches: ['noarch'] }

const make = (input: Partial<NewTask> = {}) =>
  transaction({ app }, (tx) =>
    createTask(tx, ctxOf(app), { method: 'noop', label: 'x', payload: {}, ...input }),
  )

async function claimed(): Promise<TaskRow> {
  const row = await claimTask(app, worker)
  if (!row) throw new Error('nothing to claim')
  return row
}

const finish = (row: TaskRow) =>
  transaction({ app }, (tx) =>
    finishTask(tx, ctxOf(app), row.id, row.lease ?? '', { kind: 'closed', result: 1 }),
  )

const state = async (id: number) => (await getTask(app.db, id))?.state

describe('claiming', () => {
  it('gives each task to exactly one of many claimers', async () => {
    for (let n = 0; n < 12; n++) await make()
    const rounds = await Promise.all(Array.from({ length: 30 }, () => claimTask(app, worker)))
    const ids = rounds.flatMap((row) => (row ? [row.id] : []))
    expect(new Set(ids).size).toBe(ids.length)
    while (await claimTask(app, worker)) ids.push(0)
    expect(ids).toHaveLength(12)
  })

  it('takes the smaller priority first, then the older', async () => {
    const late = await make({ priority: 30 })
    const first = await make({ priority: 10 })
    const second = await make({ priority: 10 })
    expect([(await claimed()).id, (await claimed()).id, (await claimed()).id]).toEqual([
      first.id,
      second.id,
      late.id,
    ])
  })

  it('offers only what fits channel and arch, and not before its time', async () => {
    await make({ channel: 'default', arch: 'aarch64' })
    await make({ not_before: app.clock.now() + 1000 })
    expect(await claimTask(app, worker)).toBeUndefined()
    expect(
      await claimTask(app, { name: 'b', channels: ['default'], arches: ['noarch', 'x86_64'] }),
    ).toBeUndefined()
    app.clock.advance(1000)
    expect(await claimTask(app, worker)).toBeDefined()
  })

  it('makes no second task of a key while the first has not ended', async () => {
    const first = await make({ unique_key: 'push:x' })
    expect((await make({ unique_key: 'push:x' })).id).toBe(first.id)
    await finish(await claimed())
    expect((await make({ unique_key: 'push:x' })).id).not.toBe(first.id)
  })
})

describe('leases', () => {
  it('free the task of a silent holder, who then can neither renew nor finish', async () => {
    const { id } = await make()
    const row = await claimed()
    app.clock.advance(LEASE_MS + 1)
    expect(await reapLeases(ctxOf(app))).toBe(1)
    expect(await state(id)).toBe(taskState.FREE)
    expect(await renewLease(app, id, row.lease ?? '')).toBe(false)
    await expect(finish(row)).rejects.toMatchObject({ code: 'task.lease-lost' })
  })

  it('stay with a holder that renews them', async () => {
    await make()
    const row = await claimed()
    for (let n = 0; n < 5; n++) {
      app.clock.advance(LEASE_MS - 1)
      expect(await renewLease(app, row.id, row.lease ?? '')).toBe(true)
      expect(await reapLeases(ctxOf(app))).toBe(0)
    }
    await finish(row)
    expect(await state(row.id)).toBe(taskState.CLOSED)
  })

  it('run out of attempts: the task stops at its cap, with the reason', async () => {
    const { id } = await make({ max_attempts: 2 })
    for (let attempt = 1; attempt <= 2; attempt++) {
      app.clock.advance(retryDelayMs(attempt) + 1)
      await claimed()
      app.clock.advance(LEASE_MS + 1)
      await reapLeases(ctxOf(app))
    }
    const row = await getTask(app.db, id)
    expect(row?.state).toBe(taskState.FAILED)
    expect(row?.reason?.code).toBe('task.gave-up')
  })
})

describe('trees', () => {
  it('let a parent rest until its last child has ended', async () => {
    await make({ priority: 1 })
    const parent = await claimed()
    const one = await make({ parent_id: parent.id })
    await make({ parent_id: parent.id })
    expect(await suspendTask(app, parent.id, parent.lease ?? '')).toBe(true)
    const first = await claimed()
    expect(first.id).toBe(one.id)
    await finish(first)
    expect(await state(parent.id)).toBe(taskState.OPEN)
    await finish(await claimed())
    expect(await state(parent.id)).toBe(taskState.FREE)
    expect((await claimed()).attempts).toBe(1)
  })

  it('do not let a parent rest whose children have ended already', async () => {
    await make({ priority: 1 })
    const parent = await claimed()
    await make({ parent_id: parent.id })
    await finish(await claimed())
    expect(await suspendTask(app, parent.id, parent.lease ?? '')).toBe(false)
  })

  it('lose no wake-up when parents rest and children end at the same time', async () => {
    for (let round = 0; round < 15; round++) {
      const parent = await make({ priority: 1 })
      const held = await claimed()
      await make({ parent_id: parent.id })
      const child = await claimed()
      const [rests] = await Promise.all([
        suspendTask(app, parent.id, held.lease ?? ''),
        finish(child),
      ])
      expect(await state(parent.id)).toBe(rests ? taskState.FREE : taskState.OPEN)
      await finish(rests ? await claimed() : held)
    }
  })

  it('are canceled whole, and holders learn it', async () => {
    await make({ priority: 1 })
    const parent = await claimed()
    const child = await make({ parent_id: parent.id })
    const held = await claimed()
    await cancelTask(ctxOf(app), parent.id)
    expect(await state(child.id)).toBe(taskState.CANCELED)
    expect(await state(parent.id)).toBe(taskState.CANCELED)
    expect(await renewLease(app, child.id, held.lease ?? '')).toBe(false)
    await expect(cancelTask(ctxOf(app), parent.id)).rejects.toMatchObject({
      code: 'task.not-cancelable',
    })
  })

  it('are canceled by their owner or an admin only', async () => {
    const ann = personActor(1, 'ann-a', ['member', 'packager'])
    const row = await make({ owner_id: 1 })
    const bob = ctxOf(app, personActor(2, 'bob-b', ['member', 'packager']))
    await expect(cancelTask(bob, row.id)).rejects.toMatchObject({ code: 'account.forbidden' })
    await expect(cancelTask(ctxOf(app, { kind: 'anonymous' }), row.id)).rejects.toThrow(PortalError)
    await cancelTask(ctxOf(app, ann), row.id)
  })
})

describe('a run', () => {
  const handle = (run: TaskHandler['run']) =>
    new Map([['noop', { method: 'noop', payload: z.unknown(), run }]])

  it('ends its task with what the handler says', async () => {
    await make()
    await make()
    const one = await claimed()
    const two = await claimed()
    await runTask(
      app,
      handle(async () => closed({ n: 1 })),
      one,
    )
    await runTask(
      app,
      handle(async () => failed(reason('build.failed'))),
      two,
    )
    expect((await getTask(app.db, one.id))?.result).toEqual({ n: 1 })
    expect((await getTask(app.db, two.id))?.reason?.code).toBe('build.failed')
  })

  it('tries again after an unforeseen error, later, with the error in the log', async () => {
    await make()
    const row = await claimed()
    await runTask(
      app,
      handle(() => Promise.reject(new Error('flaky'))),
      row,
    )
    expect(await state(row.id)).toBe(taskState.FREE)
    expect((await readLog(app, row.id, 0, 1000)).text).toContain('flaky')
    expect(await claimTask(app, worker)).toBeUndefined()
    app.clock.advance(retryDelayMs(1))
    await runTask(
      app,
      handle(async () => closed()),
      await claimed(),
    )
    expect(await state(row.id)).toBe(taskState.CLOSED)
  })

  it('does not try again what a rule refused', async () => {
    await make()
    const row = await claimed()
    const refuse = () =>
      Promise.reject(new PortalError('build.nvr-exists', { params: { nvr: 'a-1-1' } }))
    await runTask(app, handle(refuse), row)
    const ended = await getTask(app.db, row.id)
    expect(ended?.state).toBe(taskState.FAILED)
    expect(String(ended?.reason?.params.message)).toContain('a-1-1 exists')
  })

  it('commits nothing once its lease is lost', async () => {
    await make()
    const row = await claimed()
    const late: TaskHandler['run'] = async (run) => {
      app.clock.advance(LEASE_MS + 1)
      await reapLeases(ctxOf(app))
      await run.transaction((tx) =>
        createTask(tx, run.ctx, { method: 'x', label: 'late', payload: 0 }),
      )
      return closed()
    }
    await runTask(app, handle(late), row)
    expect(await state(row.id + 1)).toBeUndefined()
    expect(await state(row.id)).toBe(taskState.FREE)
  })

  it('rests for its children and finds its place again', async () => {
    await make({ priority: 1 })
    const parent = await claimed()
    const handlers = handle(async (run) => {
      const child = await getTask(app.db, parent.id + 1)
      if (!child) {
        await run.transaction((tx) =>
          createTask(tx, run.ctx, {
            method: 'noop',
            label: 'child',
            payload: 0,
            parent_id: run.task.id,
          }),
        )
        return rest
      }
      return closed(child.result)
    })
    await runTask(app, handlers, parent)
    await finish(await claimed())
    await runTask(app, handlers, await claimed())
    expect((await getTask(app.db, parent.id))?.result).toBe(1)
  })
})

describe('logs', () => {
  it('skip what is there, refuse gaps, and read by offset', async () => {
    const bytes = (text: string) => new TextEncoder().encode(text)
    expect(await writeLog(app, 1, 0, bytes('hello '))).toBe(6)
    expect(await writeLog(app, 1, 3, bytes('lo world'))).toBe(11)
    expect(await writeLog(app, 1, 0, bytes('hello'))).toBe(11)
    await expect(writeLog(app, 1, 12, bytes('x'))).rejects.toMatchObject({ code: 'task.log-gap' })
    expect((await readLog(app, 1, 6, 100)).text).toBe('world')
    expect((await readLog(app, 1, -5, 100)).text).toBe('world')
    expect((await readLog(app, 2, 0, 100)).text).toBe('')
  })
})

describe('what a task waits for', () => {
  const facts = (change: Partial<WaitFacts> = {}): WaitFacts => ({
    task: {
      state: taskState.FREE,
      arch: 'aarch64',
      channel: 'default',
      driver: 'host',
      not_before: 0,
      waiting: false,
    },
    now: 10,
    builders: [],
    workerAlive: true,
    ahead: 0,
    openChildren: [],
    ...change,
  })
  const codes = (change: Partial<WaitFacts>) => waitsFor(facts(change)).map((each) => each.code)
  const builder = (arch: string, drivers = ['host'], resting = false) => ({
    arches: [arch],
    channels: ['default'],
    capacity: 1,
    drivers,
    resting,
  })

  it('is a builder, one for its arch, its tools, or its turn', () => {
    expect(codes({})).toEqual(['task.no-builder'])
    expect(codes({ builders: [builder('x86_64')] })).toEqual(['task.no-builder-for'])
    expect(codes({ builders: [builder('aarch64', [])] })).toEqual(['task.builder-tools'])
    expect(codes({ builders: [builder('aarch64', ['mock'])] })).toEqual(['task.no-driver'])
    const tired = builder('aarch64', ['host'], true)
    expect(codes({ builders: [tired] })).toEqual(['task.builders-rest'])
    expect(codes({ builders: [builder('aarch64')], ahead: 3 })).toEqual(['task.queue'])
    expect(codes({ builders: [builder('aarch64')] })).toEqual([])
  })

  it('is nothing once it runs or has ended', () => {
    for (const each of [taskState.OPEN, taskState.CLOSED, taskState.FAILED, taskState.CANCELED])
      expect(codes({ task: { ...facts().task, state: each } })).toEqual([])
  })

  it('is asked from the queue as it is', async () => {
    await make()
    const second = await make()
    expect((await taskWaits(ctxOf(app), second)).map((each) => each.code)).toEqual([
      'task.no-worker',
      'task.queue',
    ])
  })
})
