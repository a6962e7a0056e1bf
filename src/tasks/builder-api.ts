/** The builder protocol over HTTP; see content/docs/contributing/architecture.mdx for the table. */
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { createMiddleware } from 'hono/factory'
import { blobPath, hasBlob, putBlob, sha256Pattern } from '../kernel/blobs.ts'
import { SECOND_MS } from '../kernel/clock.ts'
import { PortalError } from '../kernel/errors.ts'
import { answers, createApi, type HttpEnv, jsonBody, problemResponse } from '../kernel/http.ts'
import { pulseOf } from '../kernel/pulse.ts'
import { isRpmFile } from '../kernel/rpm-name.ts'
import { transaction } from '../kernel/transaction.ts'
import { MAX_CAPACITY } from './builder.ts'
import {
  type BuilderRow,
  builderActor,
  builderOfToken,
  claimForBuilder,
  heartbeat,
} from './builders.ts'
import { heldTask } from './leases.ts'
import { writeLog } from './logs.ts'
import { noteWell, returnTask } from './returns.ts'
import { LEASE_MS } from './task.ts'
import { finishTask } from './tasks.ts'
import { assertRoom, assertUploaded, digestsIn, MAX_FILES, recordUpload } from './uploads.ts'

interface BuilderEnv extends HttpEnv {
  Variables: HttpEnv['Variables'] & { builder: BuilderRow }
}

/** Largest single output of a build. */
const MAX_OUTPUT_BYTES = 8 * 1024 ** 3
const MAX_LOG_CHUNK_BYTES = 4 * 1024 ** 2
const MAX_WAIT_MS = 20 * SECOND_MS
/** Longest pause between two looks of a waiting claim: for what becomes due without anybody's doing. */
const CLAIM_IDLE_MS = SECOND_MS

const names = z.array(z.string().max(100)).max(50)
const heartbeatBody = z.object({
  version: z.string().max(100),
  arches: names,
  channels: names,
  capacity: z.int().min(0).max(10_000),
  drivers: names,
  missing: names,
  bounds: names.optional(),
  tasks: z
    .array(
      z.object({
        id: z.int(),
        lease: z.string().max(200),
        /** What it does now, in a few words. */
        progress: z.string().max(200).optional(),
      }),
    )
    .max(MAX_CAPACITY),
})

const reasonSchema = z.object({
  code: z.string().max(100),
  params: z.record(z.string().max(100), z.union([z.string().max(20_000), z.number()])),
})

const sentFile = z.looseObject({
  filename: z.string().refine(isRpmFile),
  sha256: z.string().regex(sha256Pattern),
})

/** Whatever the method: the files that a result names were sent for its task. */
const resultSchema = z.looseObject({
  outputs: z.array(sentFile).max(MAX_FILES).optional(),
  rpms: z.array(sentFile).max(MAX_FILES).optional(),
})

const returnBody = z.object({
  lease: z.string().max(200),
  kind: z.enum(['stopping', 'fault']),
  reason: reasonSchema.optional(),
})

const finishBody = z.object({
  lease: z.string().max(200),
  outcome: z.enum(['ok', 'failed']),
  reason: reasonSchema.optional(),
  highlights: z
    .array(z.object({ line: z.int(), text: z.string().max(2000) }))
    .max(200)
    .optional(),
  result: resultSchema.optional(),
})

/** How builders of the first protocol told of a fault of their own. */
const BUILDER_FAULT = 'build.builder-error'

const leaseHeader = z.object({ 'x-slipway-lease': z.string().max(200) })
const taskParams = z.object({ id: z.coerce.number().int() })

export function createBuilderApi() {
  const api = createApi() as unknown as OpenAPIHono<BuilderEnv>
  api.use(
    createMiddleware<BuilderEnv>(async (c, next) => {
      const ctx = c.get('ctx')
      const row = await builderOfToken(ctx.app, c.req.header('Authorization'))
      c.set('builder', row)
      c.set('ctx', { ...ctx, actor: builderActor(row) })
      await next()
    }),
  )
  addTalk(api)
  addFiles(api)
  return api
}

/** Heartbeat, claim, finish. */
function addTalk(api: OpenAPIHono<BuilderEnv>): void {
  api.openapi(
    createRoute({
      method: 'post',
      path: '/heartbeat',
      tags: ['builder'],
      request: jsonBody(heartbeatBody),
      responses: answers('Leases renewed; what to stop.'),
    }),
    async (c) => c.json(await heartbeat(c.get('ctx'), c.get('builder'), c.req.valid('json'))),
  )
  api.openapi(
    createRoute({
      method: 'post',
      path: '/claim',
      tags: ['builder'],
      request: { query: z.object({ wait_ms: z.coerce.number().min(0).default(0) }) },
      responses: {
        200: { description: 'A task to do.' },
        204: { description: 'Nothing to do.' },
        ...problemResponse,
      },
    }),
    async (c) => {
      const wait_ms = Math.min(c.req.valid('query').wait_ms, MAX_WAIT_MS)
      const until = performance.now() + wait_ms
      const pulse = pulseOf(c.get('ctx').app)
      for (;;) {
        const { seen } = pulse
        const task = await claimForBuilder(c.get('ctx'), c.get('builder').id)
        if (task && c.req.raw.signal.aborted) {
          // Nobody is there to take it: the builder has stopped while it waited.
          const how = { kind: 'stopping' } as const
          await returnTask(c.get('ctx'), c.get('builder'), task.id, task.lease ?? '', how)
          return c.body(null, 204)
        }
        if (task) {
          const { id, method, arch, lease, payload } = task
          return c.json({ task: { id, method, arch, lease, lease_ms: LEASE_MS, payload } })
        }
        if (performance.now() >= until || c.req.raw.signal.aborted) return c.body(null, 204)
        await pulse.wait(seen, Math.min(CLAIM_IDLE_MS, until - performance.now()))
      }
    },
  )
  api.openapi(
    createRoute({
      method: 'post',
      path: '/tasks/{id}/finish',
      tags: ['builder'],
      request: { params: taskParams, ...jsonBody(finishBody) },
      responses: answers('The task has ended.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const body = c.req.valid('json')
      const builder = c.get('builder')
      const why = body.reason ?? { code: 'build.failed', params: {} }
      const { id } = c.req.valid('param')
      await heldTask(ctx, id, body.lease)
      if (body.outcome === 'failed' && why.code === BUILDER_FAULT) {
        await returnTask(ctx, builder, id, body.lease, { kind: 'fault', why })
        return c.json({})
      }
      const { outputs = [], rpms = [] } = body.result ?? {}
      await assertUploaded(ctx.app, id, [...outputs, ...rpms])
      const outcome =
        body.outcome === 'ok'
          ? { kind: 'closed' as const, result: body.result }
          : { kind: 'failed' as const, reason: why, highlights: body.highlights ?? [] }
      await transaction(ctx, (tx) => finishTask(tx, ctx, id, body.lease, outcome))
      await noteWell(ctx, builder)
      return c.json({})
    },
  )
  addReturn(api)
}

function addReturn(api: OpenAPIHono<BuilderEnv>): void {
  api.openapi(
    createRoute({
      method: 'post',
      path: '/tasks/{id}/return',
      tags: ['builder'],
      request: { params: taskParams, ...jsonBody(returnBody) },
      responses: answers('The task is given back.'),
    }),
    async (c) => {
      const { lease, kind, reason: why } = c.req.valid('json')
      const how =
        kind === 'stopping'
          ? { kind }
          : { kind, why: why ?? { code: BUILDER_FAULT, params: { message: '' } } }
      await returnTask(c.get('ctx'), c.get('builder'), c.req.valid('param').id, lease, how)
      return c.json({})
    },
  )
}

/** Log, inputs, outputs. */
function addFiles(api: OpenAPIHono<BuilderEnv>): void {
  api.openapi(
    createRoute({
      method: 'post',
      path: '/tasks/{id}/log',
      tags: ['builder'],
      request: {
        params: taskParams,
        headers: leaseHeader,
        query: z.object({ offset: z.coerce.number().int().min(0) }),
      },
      responses: answers('The size of the log.'),
    }),
    async (c) => {
      const { app } = c.get('ctx')
      const { id } = c.req.valid('param')
      await heldTask(c.get('ctx'), id, c.req.valid('header')['x-slipway-lease'])
      const bytes = await readBounded(c.req.raw.body, MAX_LOG_CHUNK_BYTES)
      return c.json({ size_bytes: await writeLog(app, id, c.req.valid('query').offset, bytes) })
    },
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/tasks/{id}/inputs/{sha256}',
      tags: ['builder'],
      request: {
        params: taskParams.extend({ sha256: z.string().regex(sha256Pattern) }),
        headers: leaseHeader,
      },
      responses: answers('The bytes.'),
    }),
    async (c) => {
      const { app } = c.get('ctx')
      const { id, sha256 } = c.req.valid('param')
      const task = await heldTask(c.get('ctx'), id, c.req.valid('header')['x-slipway-lease'])
      // A builder reads what its task names and nothing else.
      if (!digestsIn(task.payload).has(sha256)) throw new PortalError('not-found')
      for (const folder of ['sources', 'incoming'] as const)
        if (await hasBlob(app.config, folder, sha256))
          return c.body(
            Readable.toWeb(
              createReadStream(blobPath(app.config, folder, sha256)),
            ) as ReadableStream,
          )
      throw new PortalError('not-found')
    },
  )
  api.openapi(
    createRoute({
      method: 'put',
      path: '/tasks/{id}/outputs/{filename}',
      tags: ['builder'],
      request: {
        params: taskParams.extend({
          filename: z.string().refine(isRpmFile),
        }),
        headers: leaseHeader.extend({ 'content-length': z.coerce.number().int().optional() }),
        query: z.object({ sha256: z.string().regex(sha256Pattern) }),
      },
      responses: { 201: { description: 'Kept.' }, ...problemResponse },
    }),
    async (c) => {
      const { app } = c.get('ctx')
      const header = c.req.valid('header')
      const { id, filename } = c.req.valid('param')
      await heldTask(c.get('ctx'), id, header['x-slipway-lease'])
      await assertRoom(app, id)
      const body = c.req.raw.body ?? new ReadableStream<Uint8Array>({ start: (s) => s.close() })
      const blob = await putBlob(app, 'incoming', body, {
        sha256: c.req.valid('query').sha256,
        size_bytes: header['content-length'],
        max_bytes: MAX_OUTPUT_BYTES,
      })
      await recordUpload(c.get('ctx'), id, { filename, ...blob })
      return c.json(blob, 201)
    },
  )
}

/** A body that is kept whole, up to a limit. @throws PortalError input.too-large without reading the rest */
async function readBounded(
  body: ReadableStream<Uint8Array> | null,
  max_bytes: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size_bytes = 0
  for await (const chunk of body ?? []) {
    size_bytes += chunk.length
    if (size_bytes > max_bytes)
      throw new PortalError('input.too-large', {
        params: { limit: `${max_bytes / 1024 ** 2} MiB a request` },
      })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
