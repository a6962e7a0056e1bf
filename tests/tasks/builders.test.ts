/** Builders: what the portal grants them, what they give back, and what a leaked token reaches. */
import { createHash } from 'node:crypto'
import { existsSync, utimesSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { blobPath } from '../../src/kernel/blobs.ts'
import { DAY_MS, MINUTE_MS } from '../../src/kernel/clock.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { createPortal } from '../../src/portal.ts'
import { restMs } from '../../src/tasks/builder.ts'
import {
  addBuilder,
  removeBuilder,
  renewBuilderToken,
  setEnabled,
  setGrant,
  viewBuilders,
} from '../../src/tasks/builders.ts'
import { MAX_RETURNS } from '../../src/tasks/returns.ts'
import { taskState } from '../../src/tasks/task.ts'
import { createTask, getTask, type NewTask } from '../../src/tasks/tasks.ts'
import { purgeIncoming } from '../../src/tasks/uploads.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let portal: ReturnType<typeof createPortal>
beforeEach(async () => {
  app = await testApp()
  portal = createPortal(app)
})
afterEach(() => app.end())

const grant = { arches: ['x86_64'], channels: ['default'], drivers: ['host'], capacity: 2 }
const able = { arches: ['x86_64', 'aarch64'], channels: ['default', 'secret'], capacity: 9 }
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

const make = (input: Partial<NewTask> = {}) =>
  transaction({ app }, (tx) =>
    createTask(tx, ctxOf(app), {
      ...{ method: 'buildArch', label: 'x', payload: {}, channel: 'default', arch: 'x86_64' },
      ...input,
    }),
  )

interface Claimed {
  id: number
  lease: string
}

/** A builder that has said what it can do. */
async function builder(name = 'b1', granted = grant) {
  const token = await addBuilder(ctxOf(app), name, granted)
  const ask = (method: string, path: string, body?: BodyInit, more: Record<string, string> = {}) =>
    portal.request(`/api/builder/${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, ...more },
      ...(body !== undefined && { body }),
    })
  const post = (path: string, body: unknown) =>
    ask('POST', path, JSON.stringify(body), { 'Content-Type': 'application/json' })
  const beat = (more: object = {}) =>
    post('heartbeat', {
      ...{ version: '1', drivers: ['host', 'mock'], missing: [], tasks: [], ...able, ...more },
    })
  await beat()
  return {
    token,
    ask,
    post,
    beat,
    claim: async (): Promise<Claimed | undefined> => {
      const answer = await post('claim', {})
      return answer.status === 204 ? undefined : ((await answer.json()) as { task: Claimed }).task
    },
    put: (task: Claimed, filename: string, text: string, more = {}) =>
      ask(
        'PUT',
        `tasks/${task.id}/outputs/${encodeURIComponent(filename)}?sha256=${sha256(text)}`,
        text,
        {
          'X-Slipway-Lease': task.lease,
          ...more,
        },
      ),
  }
}

const codeOf = async (answer: Response) => ((await answer.json()) as { code: string }).code
const idle = async () => (await viewBuilders(ctxOf(app)))[0]?.why_idle.map((each) => each.code)

describe('what a builder may do', () => {
  it('is what is granted and can be done, whatever it says of itself', async () => {
    await make({ arch: 'aarch64' })
    await make({ channel: 'secret' })
    await make({ driver: 'mock' })
    const own = await builder()
    expect(await own.claim()).toBeUndefined()
    const [view] = await viewBuilders(ctxOf(app))
    expect(view).toMatchObject({ effective: grant, why_idle: [], running: [] })
    await setGrant(ctxOf(app), 'b1', { arches: ['aarch64'] })
    expect(await own.claim()).toBeDefined()
  })

  it('is so many tasks at once as are granted', async () => {
    for (let n = 0; n < 3; n++) await make()
    const own = await builder()
    expect([await own.claim(), await own.claim(), await own.claim()].filter(Boolean)).toHaveLength(
      2,
    )
    expect(await idle()).toEqual(['builder.full'])
    const [view] = await viewBuilders(ctxOf(app))
    expect(view?.running).toHaveLength(2)
  })

  it('is nothing while it is disabled, and why it is idle is said', async () => {
    await make()
    const own = await builder()
    await setEnabled(ctxOf(app), 'b1', false)
    expect((await own.post('claim', {})).status).toBe(401)
    expect(await idle()).toEqual(['builder.disabled'])
    await setEnabled(ctxOf(app), 'b1', true)
    await setGrant(ctxOf(app), 'b1', { drivers: [], capacity: 0 })
    expect(await own.claim()).toBeUndefined()
    expect(await idle()).toEqual(['builder.no-drivers', 'builder.no-capacity'])
    await own.beat({ drivers: [], missing: ['bwrap'] })
    expect(await idle()).toEqual(['builder.lacks'])
    app.clock.advance(MINUTE_MS)
    expect(await idle()).toEqual(['builder.silent'])
  })

  it('ends with its token and with its row', async () => {
    const own = await builder()
    await renewBuilderToken(ctxOf(app), 'b1')
    expect((await own.post('claim', {})).status).toBe(401)
    await removeBuilder(ctxOf(app), 'b1')
    expect(await viewBuilders(ctxOf(app))).toEqual([])
    await expect(setGrant(ctxOf(app), 'b1', { capacity: 1 })).rejects.toMatchObject({
      code: 'not-found',
    })
  })

  it('is changed by administrators only, and never to what no builder can have', async () => {
    const packager = ctxOf(app, personActor(1, 'pat', ['packager']))
    await builder()
    for (const change of [
      () => addBuilder(packager, 'b2', grant),
      () => setGrant(packager, 'b1', { capacity: 5 }),
      () => setEnabled(packager, 'b1', false),
      () => removeBuilder(packager, 'b1'),
      () => renewBuilderToken(packager, 'b1'),
    ])
      await expect(change()).rejects.toMatchObject({ code: 'account.forbidden' })
    for (const odd of [
      { arches: ['../x'] },
      { channels: ['worker'] },
      { drivers: ['x'] },
      { capacity: 999 },
    ])
      await expect(setGrant(ctxOf(app), 'b1', odd)).rejects.toMatchObject({ code: 'input.invalid' })
  })
})

describe('a task that is given back', () => {
  it('uses no attempt, goes to another builder at once, and its builder rests for a while', async () => {
    const { id } = await make({ max_attempts: 2 })
    const [first, second] = [await builder('b1'), await builder('b2')]
    const held = (await first.claim()) as Claimed
    const why = { code: 'build.scratch-full', params: { free_mib: 1 } }
    const answer = await first.post(`tasks/${id}/return`, {
      lease: held.lease,
      kind: 'fault',
      reason: why,
    })
    expect(answer.status).toBe(200)
    expect(await getTask(app.db, id)).toMatchObject({
      state: taskState.FREE,
      attempts: 0,
      returns: 1,
    })
    expect(await first.claim()).toBeUndefined()
    expect(await idle()).toEqual(['builder.rests', 'build.scratch-full'])
    const taken = (await second.claim()) as Claimed
    expect(taken.id).toBe(id)
    await second.post(`tasks/${id}/return`, { lease: taken.lease, kind: 'stopping' })
    app.clock.advance(restMs(1))
    await first.beat()
    const again = (await first.claim()) as Claimed
    await first.post(`tasks/${id}/finish`, { lease: again.lease, outcome: 'ok', result: {} })
    expect((await viewBuilders(ctxOf(app)))[0]?.row).toMatchObject({ faults: 0, fault: null })
  })

  it('is given back so often and no more', async () => {
    const { id } = await make({ max_attempts: 2 })
    const own = await builder()
    for (let n = 0; n < MAX_RETURNS + 2; n++) {
      const held = (await own.claim()) as Claimed
      await own.post(`tasks/${id}/return`, { lease: held.lease, kind: 'stopping' })
      app.clock.advance(10_000)
    }
    expect(await getTask(app.db, id)).toMatchObject({ state: taskState.FAILED })
  })

  it('is so too when a builder of the first protocol tells of its own fault', async () => {
    const { id } = await make()
    const own = await builder()
    const held = (await own.claim()) as Claimed
    const why = { code: 'build.builder-error', params: { message: 'ENOSPC' } }
    await own.post(`tasks/${id}/finish`, { lease: held.lease, outcome: 'failed', reason: why })
    expect(await getTask(app.db, id)).toMatchObject({ state: taskState.FREE, attempts: 0 })
  })

  it('rests longer after each fault, and at most half an hour', () => {
    expect([1, 2, 3, 50].map((faults) => restMs(faults) / MINUTE_MS)).toEqual([1, 2, 4, 30])
  })
})

describe('a leaked token', () => {
  it('reads only what its own task names', async () => {
    const own = await builder()
    const secret = sha256('secret')
    await make({ payload: { source: { kind: 'git', url: `https://x/${secret}`, ref: secret } } })
    const held = (await own.claim()) as Claimed
    const headers = { 'X-Slipway-Lease': held.lease }
    const answer = await own.ask('GET', `tasks/${held.id}/inputs/${secret}`, undefined, headers)
    expect(answer.status).toBe(404)
  })

  it('names in a result only what it has sent for that task', async () => {
    const own = await builder()
    await make()
    await make()
    const [one, other] = [(await own.claim()) as Claimed, (await own.claim()) as Claimed]
    expect((await own.put(one, 'a-1-1.x86_64.rpm', 'one')).status).toBe(201)
    const finish = (task: Claimed, filename: string) =>
      own.post(`tasks/${task.id}/finish`, {
        ...{ lease: task.lease, outcome: 'ok' },
        result: { rpms: [{ filename, sha256: sha256('one'), size_bytes: 3 }] },
      })
    expect(await codeOf(await finish(other, 'a-1-1.x86_64.rpm'))).toBe('task.not-sent')
    expect(await codeOf(await finish(one, '../../a.rpm'))).toBe('input.invalid')
    expect((await finish(one, 'a-1-1.x86_64.rpm')).status).toBe(200)
  })

  it('writes under names of packages only', async () => {
    const own = await builder()
    await make()
    const held = (await own.claim()) as Claimed
    for (const name of ['../x.rpm', '..', '.x', 'a/b', '-x.rpm'])
      expect((await own.put(held, name, 'x')).status).toBeGreaterThanOrEqual(400)
    for (const name of ['_x-1-1.noarch.rpm', 'libcase++-1~rc^2-1.noarch.rpm'])
      expect((await own.put(held, name, 'x')).status).toBe(201)
  })

  it('is read no longer than what a builder has to say', async () => {
    const own = await builder()
    await make()
    const held = (await own.claim()) as Claimed
    const large = 'x'.repeat(5 * 1024 * 1024)
    const [beat, log] = [
      await own.post('heartbeat', { version: large }),
      await own.ask('POST', `tasks/${held.id}/log?offset=0`, large, {
        'X-Slipway-Lease': held.lease,
      }),
    ]
    expect([beat.status, log.status]).toEqual([413, 413])
  })
})

describe('what builders sent', () => {
  it('stays while its build goes on, however long that takes, and goes a day after', async () => {
    const own = await builder()
    const parent = await make({ method: 'build', channel: 'worker', arch: 'noarch' })
    const child = await make({ parent_id: parent.id })
    const held = (await own.claim()) as Claimed
    await own.put(held, 'a-1-1.x86_64.rpm', 'needed')
    await own.put(held, 'b-1-1.x86_64.rpm', 'not named')
    const rpms = [{ filename: 'a-1-1.x86_64.rpm', sha256: sha256('needed'), size_bytes: 6 }]
    await own.post(`tasks/${child.id}/finish`, {
      lease: held.lease,
      outcome: 'ok',
      result: { rpms },
    })
    const path = (text: string) => blobPath(app.config, 'incoming', sha256(text))
    const there = () => ['needed', 'not named'].map((text) => existsSync(path(text)))
    const ago = (days: number) => {
      const at = (app.clock.now() - days * DAY_MS) / 1000
      for (const text of ['needed', 'not named'])
        if (existsSync(path(text))) utimesSync(path(text), at, at)
    }
    ago(0.5)
    await purgeIncoming(ctxOf(app))
    expect(there()).toEqual([true, true])
    ago(30)
    await purgeIncoming(ctxOf(app))
    expect(there()).toEqual([true, false])
    const { task } = await import('../../db/schema/tasks.ts')
    const { eq } = await import('drizzle-orm')
    await transaction({ app }, (tx) =>
      tx.update(task).set({ state: taskState.CLOSED }).where(eq(task.id, parent.id)),
    )
    await purgeIncoming(ctxOf(app))
    expect(there()).toEqual([false, false])
  })
})
