/** What edges ask of the portal: the snapshot; and what they tell: counts without addresses. */
import { createRoute, z } from '@hono/zod-openapi'
import { PortalError } from '../kernel/errors.ts'
import { answers, createApi, jsonBody, problemResponse } from '../kernel/http.ts'
import { addCounts } from './counts.ts'
import { readSnapshot } from './snapshots.ts'

const counts = z.record(z.string().max(200), z.int().positive().max(1_000_000_000))

export function createEdgeApi() {
  const api = createApi()
  api.openapi(
    createRoute({
      method: 'get',
      path: '/mirrors/snapshot',
      tags: ['mirrors'],
      responses: {
        200: { description: 'All that an edge answers from.' },
        304: { description: 'The edge has it.' },
        ...problemResponse,
      },
    }),
    async (c) => {
      const snapshot = await readSnapshot(c.get('ctx').app)
      if (!snapshot) throw new PortalError('not-found')
      const headers = { ETag: snapshot.etag, 'Cache-Control': 'no-cache' }
      if (c.req.header('If-None-Match') === snapshot.etag) return c.body(null, 304, headers)
      return c.body(new Uint8Array(snapshot.bytes), 200, {
        ...headers,
        'Content-Type': 'application/octet-stream',
      })
    },
  )
  api.openapi(
    createRoute({
      method: 'post',
      path: '/mirrors/counts',
      tags: ['mirrors'],
      request: jsonBody(z.object({ countme: counts, answers: counts })),
      responses: answers('Added.'),
    }),
    async (c) => {
      await addCounts(c.get('ctx'), c.req.valid('json'))
      return c.json({})
    },
  )
  return api
}
