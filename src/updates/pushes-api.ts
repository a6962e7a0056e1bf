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
import { giveUpPush, withdrawFromPush } from './push-ends.ts'
import { listPushes, type PushRow } from './push-rows.ts'
import { startPush, viewPush } from './pushes.ts'

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
  addOne(api, pushJson)
  addEnds(api)
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

const params = z.object({ id: z.coerce.number().int().positive() })

function addOne(
  api: ReturnType<typeof createApi>,
  pushJson: (ctx: Ctx, row: PushRow) => object,
): void {
  api.openapi(
    createRoute({
      method: 'get',
      path: '/pushes/{id}',
      tags: ['pushes'],
      request: { params },
      responses: answers(
        'One push: its updates with what came of each, why its step broke the last time (`broken`), and whether it can still be undone.',
      ),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const view = await viewPush(ctx, c.req.valid('param').id)
      const t = ctx.app.words.in('en')
      return jsonWithEtag(c, {
        ...pushJson(ctx, view.push),
        attempts: view.task?.attempts ?? 0,
        broken: view.broken && reasonJson(t, view.broken),
        may_undo: view.may_undo,
        updates: view.updates.map(({ entry, update }) => ({
          ...{ alias: update.alias, title: update.title, status: update.status },
          request: entry.request,
          ejected: entry.ejected?.map((each) => reasonJson(t, each)) ?? null,
        })),
      })
    },
  )
}

const why = z.string().min(1).max(2000)

/** What an operator does with a push that is stuck, until it is published. */
function addEnds(api: ReturnType<typeof createApi>): void {
  api.openapi(
    createRoute({
      method: 'post',
      path: '/pushes/{id}/withdraw',
      tags: ['pushes'],
      request: { params, ...jsonBody(z.object({ update: z.string().max(100), reason: why })) },
      responses: {
        204: { description: 'The update is out of the push; the rest begins anew without it.' },
        ...problemResponse,
      },
    }),
    async (c) => {
      const { update, reason } = c.req.valid('json')
      await withdrawFromPush(c.get('ctx'), c.req.valid('param').id, update, reason)
      return c.body(null, 204)
    },
  )
  api.openapi(
    createRoute({
      method: 'post',
      path: '/pushes/{id}/give-up',
      tags: ['pushes'],
      request: { params, ...jsonBody(z.object({ reason: why })) },
      responses: {
        204: { description: 'Undone: its updates keep their requests for the next push.' },
        ...problemResponse,
      },
    }),
    async (c) => {
      await giveUpPush(c.get('ctx'), c.req.valid('param').id, c.req.valid('json').reason)
      return c.body(null, 204)
    },
  )
}
