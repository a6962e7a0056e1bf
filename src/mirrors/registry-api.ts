/** The registry of mirrors over HTTP: who there is, how each stands; sign up, change, retire. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Ctx } from '../kernel/context.ts'
import {
  answers,
  createApi,
  fromZod,
  type HttpEnv,
  jsonBody,
  jsonWithEtag,
  pageQuery,
  problemResponse,
} from '../kernel/http.ts'
import { addCare, addTiers } from './care-api.ts'
import { addFigures } from './figures-api.ts'
import { changeMirror, changeMirrorState, signUpMirror } from './hosts.ts'
import { mirrorInput, siteInput } from './mirror.ts'
import { entryJson, evidenceJson, mirrorJson } from './registry-json.ts'
import { listMirrors, mirrorEvidence } from './views.ts'

const nameParam = z.object({ name: z.string().max(300) })
/** Checked by mirrorInput, whose rules know the configuration. */
const anyMirror = z.record(z.string(), z.unknown())

function parseMirror(ctx: Ctx, body: Record<string, unknown>) {
  const parsed = mirrorInput(ctx.app.config.private_mirrors).safeParse(body)
  if (!parsed.success) throw fromZod(parsed.error)
  return parsed.data
}

export function createRegistryApi() {
  const api = createApi()
  addFigures(api)
  addReads(api)
  addChanges(api)
  addCare(api)
  addTiers(api)
  return api
}

function addReads(api: OpenAPIHono<HttpEnv>): void {
  const country = z.string().length(2).toUpperCase().optional()
  api.openapi(
    createRoute({
      method: 'get',
      path: '/mirrors',
      tags: ['mirrors'],
      request: { query: z.object({ country, fields: z.string().max(500).optional() }) },
      responses: answers('Mirrors by country and name.'),
    }),
    async (c) => {
      const entries = await listMirrors(c.get('ctx'), { country: c.req.valid('query').country })
      return jsonWithEtag(c, { items: entries.map(entryJson), next: null })
    },
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/mirrors/{name}',
      tags: ['mirrors'],
      request: { params: nameParam },
      responses: answers('A mirror, and how each repository stands on it and why.'),
    }),
    async (c) => jsonWithEtag(c, await mirrorJson(c.get('ctx'), c.req.valid('param').name)),
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/mirrors/{name}/checks',
      tags: ['mirrors'],
      request: { params: nameParam, query: pageQuery },
      responses: answers('What the crawler saw, newest first; one entry while an outcome lasts.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { items, next } = await mirrorEvidence(
        ctx,
        c.req.valid('param').name,
        c.req.valid('query'),
      )
      return jsonWithEtag(c, { items: items.map((each) => evidenceJson(ctx, each)), next })
    },
  )
}

function addChanges(api: OpenAPIHono<HttpEnv>): void {
  const body = z.object({ site: siteInput, mirror: anyMirror })
  api.openapi(
    createRoute({
      method: 'post',
      path: '/mirrors',
      tags: ['mirrors'],
      request: jsonBody(body),
      responses: {
        201: { description: 'Signed up; prove control of it next.' },
        ...problemResponse,
      },
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { site, mirror } = c.req.valid('json')
      const row = await signUpMirror(ctx, { site, mirror: parseMirror(ctx, mirror) })
      return c.json(await mirrorJson(ctx, row.name), 201)
    },
  )
  api.openapi(
    createRoute({
      method: 'put',
      path: '/mirrors/{name}',
      tags: ['mirrors'],
      request: { params: nameParam, ...jsonBody(anyMirror) },
      responses: answers('Changed as a whole. Other web addresses are to be proved again.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const input = parseMirror(ctx, c.req.valid('json'))
      const row = await changeMirror(ctx, c.req.valid('param').name, input)
      return c.json(await mirrorJson(ctx, row.name), 200)
    },
  )
  api.openapi(
    createRoute({
      method: 'delete',
      path: '/mirrors/{name}',
      tags: ['mirrors'],
      request: { params: nameParam },
      responses: answers('Retired, for good; its evidence stays.'),
    }),
    async (c) => {
      await changeMirrorState(c.get('ctx'), c.req.valid('param').name, 'retire')
      return c.json({}, 200)
    },
  )
}
