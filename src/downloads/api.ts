/** Downloads and composes over HTTP: what is offered, what was made, and make it now. */
import { createRoute, z } from '@hono/zod-openapi'
import { iso } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import {
  answers,
  createApi,
  jsonBody,
  jsonWithEtag,
  pageQuery,
  problemResponse,
} from '../kernel/http.ts'
import { reasonJson } from '../kernel/words.ts'
import { type ComposeRow, pageComposes, startCompose, viewCompose } from './composes.ts'
import { imageJson, offeredDownloads } from './downloads.ts'

/** A compose as JSON. */
function composeJson(ctx: Ctx, row: ComposeRow) {
  const t = ctx.app.words.in('en')
  const { id, release, label, state, step, why, task_id } = row
  return {
    ...{ id, release, label, state, step, why, task_id },
    notes: row.notes.map((each) => reasonJson(t, each)),
    created_at: iso(row.created_at),
    ended_at: iso(row.ended_at),
  }
}

export function createDownloadsApi() {
  const api = createApi()
  addDownloads(api)
  addComposes(api)
  return api
}

type Api = ReturnType<typeof createApi>

function addDownloads(api: Api): void {
  api.openapi(
    createRoute({
      method: 'get',
      path: '/downloads',
      tags: ['downloads'],
      request: {
        query: z.object({
          release: z.string().max(100).optional(),
          arch: z.string().max(100).optional(),
        }),
      },
      responses: answers('Images that are offered, the recommended one first.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { release, arch } = c.req.valid('query')
      const { current, earlier } = await offeredDownloads(ctx)
      const t = ctx.app.words.in('en')
      const json = (is_current: boolean) => (row: (typeof current)[number]) => ({
        ...imageJson(t, row.facts),
        is_current,
      })
      const items = [...current.map(json(true)), ...earlier.map(json(false))].filter(
        (each) =>
          (release === undefined || each.release === release) &&
          (arch === undefined || each.arch === arch),
      )
      return jsonWithEtag(c, { items })
    },
  )
}

function addComposes(api: Api): void {
  api.openapi(
    createRoute({
      method: 'get',
      path: '/composes',
      tags: ['downloads'],
      request: { query: pageQuery.extend({ release: z.string().max(100).optional() }) },
      responses: answers('Composes, newest first.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { items, next } = await pageComposes(ctx, c.req.valid('query'))
      return jsonWithEtag(c, { items: items.map((row) => composeJson(ctx, row)), next })
    },
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/composes/{id}',
      tags: ['downloads'],
      request: { params: z.object({ id: z.coerce.number().int().positive() }) },
      responses: answers('One compose, with its images.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { compose, images } = await viewCompose(ctx, c.req.valid('param').id)
      const t = ctx.app.words.in('en')
      return jsonWithEtag(c, {
        ...composeJson(ctx, compose),
        images: images.map((row) => ({
          ...imageJson(t, row.facts),
          published_at: iso(row.published_at),
          withdrawn_at: iso(row.withdrawn_at),
          removed_at: iso(row.removed_at),
        })),
      })
    },
  )
  api.openapi(
    createRoute({
      method: 'post',
      path: '/composes',
      tags: ['downloads'],
      request: jsonBody(z.object({ release: z.string().max(100) })),
      responses: {
        202: { description: 'The compose that was begun, or the one that runs already.' },
        ...problemResponse,
      },
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const started = await startCompose(ctx, c.req.valid('json').release)
      return c.json(composeJson(ctx, started.compose), 202)
    },
  )
}
