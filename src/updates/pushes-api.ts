/** Pushes over HTTP: the list, and begin one. */
import { createRoute, z } from '@hono/zod-openapi'
import { iso } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import {
  answers,
  type createApi,
  decodeCursor,
  encodeCursor,
  jsonBody,
  jsonWithEtag,
  pageQuery,
  problemResponse,
} from '../kernel/http.ts'
import { reasonJson } from '../kernel/words.ts'
import { listPushes, type PushRow, startPush } from './pushes.ts'

export function addPushes(api: ReturnType<typeof createApi>): void {
  const pushJson = (ctx: Ctx, { notes, created_at, ended_at, ...row }: PushRow) => ({
    ...row,
    notes: (notes ?? []).map((each) => reasonJson(ctx.app.words.in('en'), each)),
    created_at: iso(created_at),
    ended_at: iso(ended_at),
  })
  api.openapi(
    createRoute({
      method: 'get',
      path: '/pushes',
      tags: ['pushes'],
      request: { query: pageQuery },
      responses: answers('Pushes, newest first.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { cursor, limit } = c.req.valid('query')
      const rows = await listPushes(ctx.app.db, decodeCursor(cursor), limit)
      const last = rows.at(-1)
      const next = rows.length === limit && last ? encodeCursor(last.id) : null
      return jsonWithEtag(c, { items: rows.map((row) => pushJson(ctx, row)), next })
    },
  )
  api.openapi(
    createRoute({
      method: 'post',
      path: '/pushes',
      tags: ['pushes'],
      request: jsonBody(z.object({ release: z.string().max(100) })),
      responses: {
        200: { description: 'Nothing is requested, or a push is running already.' },
        202: { description: 'Begun.' },
        ...problemResponse,
      },
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const started = await startPush(ctx, c.req.valid('json').release)
      return c.json(
        { push: started ? pushJson(ctx, started.push) : null },
        started?.fresh ? 202 : 200,
      )
    },
  )
}
