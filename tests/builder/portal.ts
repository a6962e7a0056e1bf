/**
 * The portal's side of the builder protocol, in memory: enough of it to see what a builder does, with
 * handles to be away, to be slow to believe and to take a lease away.
 */
import { createHash, randomUUID } from 'node:crypto'
import { type ServerType, serve } from '@hono/node-server'
import { Hono } from 'hono'
import type { Finish, Heartbeat, Return } from '../../src/builder/protocol.ts'

export const token = 'slb_test'

export interface TestTask {
  id: number
  method: string
  payload: unknown
  attempts: number
  lease: string | undefined
  lease_until: number
  log: Buffer
  finish: Finish | undefined
  returned: Return[]
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

export function createTestPortal(lease_ms = 1500) {
  const tasks: TestTask[] = []
  const blobs = new Map<string, Buffer>()
  const beats: Heartbeat[] = []
  const calls = { claim: 0, log: 0, put: 0, refused: 0 }
  /** Switches: answers 503 to all; flips a byte of what it sends; says 422 to so many uploads; never answers one. */
  const moods = { away: false, damageInputs: 0, refuseOutputs: 0, hangOutputs: false }
  const app = new Hono()

  const held = (id: string, lease: string | undefined) =>
    tasks.find((task) => String(task.id) === id && task.lease === lease && lease !== undefined)
  const lost = { code: 'task.lease-lost', detail: 'The lease is gone.' }

  app.use(async (c, next) => {
    if (moods.away) {
      calls.refused += 1
      return c.text('away', 503)
    }
    if (c.req.header('authorization') !== `Bearer ${token}`)
      return c.json({ code: 'builder.token-invalid' }, 401)
    return next()
  })

  app.post('/api/builder/heartbeat', async (c) => {
    const beat = await c.req.json<Heartbeat>()
    beats.push(beat)
    const cancel = beat.tasks
      .filter(({ id, lease }) => !held(String(id), lease))
      .map(({ id }) => id)
    for (const { id, lease } of beat.tasks) {
      const task = held(String(id), lease)
      if (task) task.lease_until = Date.now() + lease_ms
    }
    return c.json({ lease_ms, cancel })
  })

  app.post('/api/builder/claim', async (c) => {
    calls.claim += 1
    const until = Date.now() + Math.min(300, Number(c.req.query('wait_ms')))
    while (Date.now() < until && !c.req.raw.signal.aborted) {
      const task = tasks.find((t) => !t.finish && (!t.lease || t.lease_until < Date.now()))
      if (task) {
        Object.assign(task, {
          lease: randomUUID(),
          lease_until: Date.now() + lease_ms,
          attempts: task.attempts + 1,
        })
        const { id, method, lease, payload } = task
        return c.json({ task: { id, method, arch: null, lease, lease_ms, payload } })
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return c.body(null, 204)
  })

  app.post('/api/builder/tasks/:id/log', async (c) => {
    calls.log += 1
    const task = held(c.req.param('id'), c.req.header('x-slipway-lease'))
    if (!task) return c.json(lost, 409)
    const offset = Number(c.req.query('offset'))
    if (offset > task.log.length) return c.json({ code: 'task.log-gap' }, 409)
    const bytes = Buffer.from(await c.req.arrayBuffer())
    task.log = Buffer.concat([task.log, bytes.subarray(task.log.length - offset)])
    return c.json({ size_bytes: task.log.length })
  })

  app.get('/api/builder/tasks/:id/inputs/:sha256', (c) => {
    if (!held(c.req.param('id'), c.req.header('x-slipway-lease'))) return c.json(lost, 409)
    const blob = blobs.get(c.req.param('sha256'))
    if (!blob) return c.json({ code: 'not-found' }, 404)
    const bytes = new Uint8Array(blob)
    if (moods.damageInputs > 0) {
      moods.damageInputs -= 1
      bytes[0] = (bytes[0] ?? 0) ^ 1
    }
    return c.body(bytes)
  })

  app.put('/api/builder/tasks/:id/outputs/:filename', async (c) => {
    calls.put += 1
    if (!held(c.req.param('id'), c.req.header('x-slipway-lease'))) return c.json(lost, 409)
    const bytes = Buffer.from(await c.req.arrayBuffer())
    if (moods.hangOutputs) await new Promise(() => {})
    const length = Number(c.req.header('content-length'))
    const wrong = sha256(bytes) !== c.req.query('sha256') || length !== bytes.length
    if (wrong || moods.refuseOutputs > 0) {
      moods.refuseOutputs -= 1
      return c.json({ code: 'blob.digest' }, 422)
    }
    blobs.set(sha256(bytes), bytes)
    return c.json({}, 201)
  })

  app.post('/api/builder/tasks/:id/finish', async (c) => {
    const body = await c.req.json<Finish>()
    const task = held(c.req.param('id'), body.lease)
    if (!task) return c.json(lost, 409)
    Object.assign(task, { finish: body, lease: undefined })
    return c.json({})
  })

  app.post('/api/builder/tasks/:id/return', async (c) => {
    const { lease, ...how } = await c.req.json<Return & { lease: string }>()
    const task = held(c.req.param('id'), lease)
    if (!task) return c.json(lost, 409)
    task.returned.push(how)
    // Others may take it; in these tests there is one builder, which is refused for a while.
    const lease_until = how.kind === 'fault' ? Number.MAX_SAFE_INTEGER : 0
    Object.assign(task, { lease: how.kind === 'fault' ? randomUUID() : undefined, lease_until })
    return c.json({})
  })

  let server: ServerType
  return {
    tasks,
    blobs,
    beats,
    calls,
    moods,
    /** Keeps a file for builders to fetch. */
    keep(bytes: Uint8Array) {
      const file = { sha256: sha256(bytes), size_bytes: bytes.length }
      blobs.set(file.sha256, Buffer.from(bytes))
      return file
    },
    add(method: string, payload: unknown): TestTask {
      const task: TestTask = {
        id: tasks.length + 1,
        method,
        payload,
        attempts: 0,
        lease: undefined,
        lease_until: 0,
        log: Buffer.alloc(0),
        finish: undefined,
        returned: [],
      }
      tasks.push(task)
      return task
    },
    /** Takes the lease from whoever has it; nobody else gets the task. */
    revoke(task: TestTask) {
      Object.assign(task, { lease: randomUUID(), lease_until: Number.MAX_SAFE_INTEGER })
    },
    listen: (): Promise<string> =>
      new Promise((resolve) => {
        server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
          resolve(`http://127.0.0.1:${port}`),
        )
      }),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        if ('closeAllConnections' in server) server.closeAllConnections()
      }),
  }
}

export type TestPortal = ReturnType<typeof createTestPortal>
