/** What admins of a mirror do with it over HTTP: maintenance, pause, proof, tier 1 and its sources. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { answers, type HttpEnv, jsonBody } from '../kernel/http.ts'
import { changeMirrorState, proveMirror, setMaintenance } from './hosts.ts'
import { addSource, removeSource, requestTier1, reviewTier1 } from './tiers.ts'

const nameParam = z.object({ name: z.string().max(300) })
const moment = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))

export function addCare(api: OpenAPIHono<HttpEnv>): void {
  const window = z.object({
    from: moment.nullable(),
    until: moment.nullable(),
    note: z.string().max(500).default(''),
  })
  api.openapi(
    createRoute({
      method: 'put',
      path: '/mirrors/{name}/maintenance',
      tags: ['mirrors'],
      request: { params: nameParam, ...jsonBody(window) },
      responses: answers('Out of the list for that time, whatever a crawl says; null ends it.'),
    }),
    async (c) => {
      await setMaintenance(c.get('ctx'), c.req.valid('param').name, c.req.valid('json'))
      return c.json({}, 200)
    },
  )
  const state = z.object({
    state: z.enum(['paused', 'active']),
    reason: z.string().max(500).default(''),
  })
  api.openapi(
    createRoute({
      method: 'put',
      path: '/mirrors/{name}/state',
      tags: ['mirrors'],
      request: { params: nameParam, ...jsonBody(state) },
      responses: answers('Paused, or back.'),
    }),
    async (c) => {
      const { state: wanted, reason } = c.req.valid('json')
      const change = wanted === 'paused' ? 'pause' : 'resume'
      await changeMirrorState(c.get('ctx'), c.req.valid('param').name, change, reason)
      return c.json({}, 200)
    },
  )
  api.openapi(
    createRoute({
      method: 'post',
      path: '/mirrors/{name}/proof',
      tags: ['mirrors'],
      request: { params: nameParam },
      responses: answers('The file that proves control was found on the mirror.'),
    }),
    async (c) => {
      await proveMirror(c.get('ctx'), c.req.valid('param').name)
      return c.json({}, 200)
    },
  )
}

export function addTiers(api: OpenAPIHono<HttpEnv>): void {
  const asked = z.object({ reason: z.string().max(1000) })
  api.openapi(
    createRoute({
      method: 'post',
      path: '/mirrors/{name}/tier',
      tags: ['mirrors'],
      request: { params: nameParam, ...jsonBody(asked) },
      responses: answers('Tier 1 is asked for.'),
    }),
    async (c) => {
      await requestTier1(c.get('ctx'), c.req.valid('param').name, c.req.valid('json').reason)
      return c.json({}, 200)
    },
  )
  api.openapi(
    createRoute({
      method: 'put',
      path: '/mirrors/{name}/tier',
      tags: ['mirrors'],
      request: { params: nameParam, ...jsonBody(asked.extend({ approve: z.boolean() })) },
      responses: answers("The mirror team's answer."),
    }),
    async (c) => {
      await reviewTier1(c.get('ctx'), c.req.valid('param').name, c.req.valid('json'))
      return c.json({}, 200)
    },
  )
  const source = z.object({
    cidr: z.string().max(100),
    expires_at: moment.nullable().default(null),
  })
  api.openapi(
    createRoute({
      method: 'post',
      path: '/mirrors/{name}/sources',
      tags: ['mirrors'],
      request: { params: nameParam, ...jsonBody(source) },
      responses: answers('The address may pull from the master while the mirror is tier 1.'),
    }),
    async (c) => {
      await addSource(c.get('ctx'), c.req.valid('param').name, c.req.valid('json'))
      return c.json({}, 200)
    },
  )
  api.openapi(
    createRoute({
      method: 'delete',
      path: '/mirrors/{name}/sources',
      tags: ['mirrors'],
      request: { params: nameParam, query: z.object({ cidr: z.string().max(100) }) },
      responses: answers('Removed.'),
    }),
    async (c) => {
      await removeSource(c.get('ctx'), c.req.valid('param').name, c.req.valid('query').cidr)
      return c.json({}, 200)
    },
  )
}
