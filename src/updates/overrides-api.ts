/** Overrides over HTTP. */
import { createRoute, z } from '@hono/zod-openapi'
import { iso } from '../kernel/clock.ts'
import { answers, createApi, jsonBody, jsonWithEtag, problemResponse } from '../kernel/http.ts'
import { endOverride, listOverrides, type OverrideRow, overrideBuild } from './overrides.ts'

function overrideJson(row: OverrideRow) {
  const { nvr, release, notes, author, created_at, expires_at, expired_at } = row
  return {
    ...{ nvr, release, notes, author },
    created_at: iso(created_at),
    expires_at: iso(expires_at),
    expired_at: iso(expired_at),
  }
}

const input = z.object({
  nvr: z.string().max(300),
  notes: z.string().max(2000),
  days: z.int().default(7),
})

export function createOverridesApi() {
  const api = createApi()
  api.openapi(
    createRoute({
      method: 'get',
      path: '/overrides',
      tags: ['overrides'],
      responses: answers('Overrides, newest first.'),
    }),
    async (c) => {
      const rows = await listOverrides(c.get('ctx'))
      return jsonWithEtag(c, { items: rows.map(overrideJson), next: null })
    },
  )
  api.openapi(
    createRoute({
      method: 'post',
      path: '/overrides',
      tags: ['overrides'],
      request: jsonBody(input),
      responses: { 201: { description: 'In the build tag until it expires.' }, ...problemResponse },
    }),
    async (c) => c.json(overrideJson(await overrideBuild(c.get('ctx'), c.req.valid('json'))), 201),
  )
  api.openapi(
    createRoute({
      method: 'delete',
      path: '/overrides/{nvr}',
      tags: ['overrides'],
      request: { params: z.object({ nvr: z.string() }) },
      responses: answers('Ended.'),
    }),
    async (c) => {
      await endOverride(c.get('ctx'), c.req.valid('param').nvr)
      return c.json({})
    },
  )
  return api
}
