/** Builders for programs: what each may do and does, and what administrators change of it. */
import { createRoute, z } from '@hono/zod-openapi'
import { iso } from '../kernel/clock.ts'
import { answers, createApi, jsonBody, jsonWithEtag, problemResponse } from '../kernel/http.ts'
import { reasonJson, type Translate } from '../kernel/words.ts'
import { DRIVERS, MAX_CAPACITY } from './builder.ts'
import {
  addBuilder,
  type BuilderView,
  removeBuilder,
  renewBuilderToken,
  setEnabled,
  setGrant,
  viewBuilders,
} from './builders.ts'

const tags = ['tasks']
const words = z.array(z.string().max(100)).max(50)
const name = z.string().max(100)
const grant = {
  arches: words,
  channels: words.default(['default']),
  drivers: words.default(DRIVERS),
  capacity: z.int().min(0).max(MAX_CAPACITY).default(2),
}
const so = { 204: { description: 'So it is.' }, ...problemResponse }
const params = z.object({ name })

function builderJson(t: Translate, { row, state, running, effective, why_idle }: BuilderView) {
  const { arches, channels, drivers, missing, capacity, version, bounds } = row
  return {
    ...{ name: row.name, enabled: row.enabled, state, arches, channels, drivers, missing },
    ...{ capacity, version, bounds, effective, running },
    granted: {
      ...{ arches: row.granted_arches, channels: row.granted_channels },
      ...{ drivers: row.granted_drivers, capacity: row.granted_capacity },
    },
    why_idle: why_idle.map((each) => reasonJson(t, each)),
    fault: row.fault && reasonJson(t, row.fault),
    rests_until: iso(row.rests_until),
    created_at: iso(row.created_at),
    last_seen_at: iso(row.last_seen_at),
  }
}

export function createBuildersApi() {
  const api = createApi()
  api.openapi(
    createRoute({
      ...{ method: 'get', path: '/builders', tags },
      responses: answers('Builders: what is granted, what they can do, what they do, why nothing.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const t = ctx.app.words.in('en')
      const items = (await viewBuilders(ctx)).map((each) => builderJson(t, each))
      return jsonWithEtag(c, { items, next: null })
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'post', path: '/builders', tags },
      request: jsonBody(z.object({ name, ...grant })),
      responses: {
        201: { description: 'The token, which is shown this once.' },
        ...problemResponse,
      },
    }),
    async (c) => {
      const { name: own, ...granted } = c.req.valid('json')
      return c.json({ token: await addBuilder(c.get('ctx'), own, granted) }, 201)
    },
  )
  addChanges(api)
  return api
}

function addChanges(api: ReturnType<typeof createApi>): void {
  const change = z.strictObject({
    arches: words.optional(),
    channels: words.optional(),
    drivers: words.optional(),
    capacity: z.int().min(0).max(MAX_CAPACITY).optional(),
    enabled: z.boolean().optional(),
  })
  api.openapi(
    createRoute({
      ...{ method: 'patch', path: '/builders/{name}', tags },
      request: { params, ...jsonBody(change) },
      responses: so,
    }),
    async (c) => {
      const { enabled, ...granted } = c.req.valid('json')
      const { name: own } = c.req.valid('param')
      await setGrant(c.get('ctx'), own, granted)
      if (enabled !== undefined) await setEnabled(c.get('ctx'), own, enabled)
      return c.body(null, 204)
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'delete', path: '/builders/{name}', tags },
      request: { params },
      responses: so,
    }),
    async (c) => {
      await removeBuilder(c.get('ctx'), c.req.valid('param').name)
      return c.body(null, 204)
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'post', path: '/builders/{name}/token', tags },
      request: { params },
      responses: answers('A new token, which is shown this once; the old one has ended.'),
    }),
    async (c) =>
      c.json({ token: await renewBuilderToken(c.get('ctx'), c.req.valid('param').name) }),
  )
}
