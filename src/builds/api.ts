/** Builds and packages over HTTP: lists, one, submit, upload of a source package. */
import { createRoute, z } from '@hono/zod-openapi'
import { personId } from '../accounts/people.ts'
import { USERNAME_MAX_CHARS } from '../accounts/person.ts'
import { requireRole } from '../kernel/access.ts'
import { putBlob } from '../kernel/blobs.ts'
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
import { reasonJson, type Translate } from '../kernel/words.ts'
import { taskJson } from '../tasks/api.ts'
import { type BuildStateName, buildState, buildStateName, fileSchema } from './build.ts'
import { type BuildRow, listBuilds, listPackages, viewBuild } from './builds.ts'
import { requestBuild } from './requests.ts'
import { contentFile, MAX_SRPM_BYTES } from './sources.ts'

const stateNames = Object.keys(buildState) as [BuildStateName, ...BuildStateName[]]

/** A build as JSON. */
export function buildJson(t: Translate, row: BuildRow) {
  const { nvr, name, epoch, version, release, target, source, summary, task_id, bootstrap } = row
  return {
    ...{ nvr, name, epoch, version, release, target, source, summary, task_id, bootstrap },
    state: buildStateName(row.state),
    reason: row.reason && reasonJson(t, row.reason),
    created_at: iso(row.created_at),
    completed_at: iso(row.completed_at),
  }
}

const submitBody = z.union([
  z.object({ target: z.string().max(100).optional(), package: z.string().max(200) }),
  z.object({
    target: z.string().max(100).optional(),
    url: z.string().max(2000),
    ref: z.string().max(200).default('HEAD'),
  }),
  z.object({
    target: z.string().max(100).optional(),
    srpm: fileSchema.omit({ name: true }).extend({ filename: z.string().max(255) }),
  }),
])

const words = (ctx: Ctx) => ctx.app.words.in('en')

export function createBuildsApi() {
  const api = createApi()
  addReads(api)
  api.openapi(
    createRoute({
      method: 'post',
      path: '/builds',
      tags: ['builds'],
      request: jsonBody(submitBody),
      responses: { 202: { description: 'Queued: the task to follow.' }, ...problemResponse },
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const task = await requestBuild(ctx, c.req.valid('json'))
      return c.json(taskJson(words(ctx), task), 202)
    },
  )
  api.openapi(
    createRoute({
      method: 'post',
      path: '/sources',
      tags: ['builds'],
      request: {
        query: z.object({
          sha256: z
            .string()
            .regex(/^[0-9a-f]{64}$/)
            .optional(),
        }),
      },
      responses: {
        201: { description: 'Kept: its digest, to be named in a build.' },
        ...problemResponse,
      },
    }),
    async (c) => {
      const ctx = c.get('ctx')
      requireRole(ctx, 'packager', 'package')
      const length = c.req.header('Content-Length')
      const body = c.req.raw.body ?? new Response('').body ?? []
      const blob = await putBlob(ctx.app, 'sources', body as AsyncIterable<Uint8Array>, {
        sha256: c.req.valid('query').sha256,
        size_bytes: length === undefined ? undefined : Number(length),
        max_bytes: MAX_SRPM_BYTES,
      })
      return c.json(blob, 201)
    },
  )
  return api
}

function addReads(api: ReturnType<typeof createApi>): void {
  api.openapi(
    createRoute({
      method: 'get',
      path: '/builds',
      tags: ['builds'],
      request: {
        query: pageQuery.extend({
          package: z.string().max(200).optional(),
          state: z.enum(stateNames).optional(),
          owner: z.string().max(USERNAME_MAX_CHARS).optional(),
        }),
      },
      responses: answers('Builds, newest first.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { state, owner, ...query } = c.req.valid('query')
      const owned = owner !== undefined && { owner_id: await personId(ctx.app.db, owner) }
      const filter = { ...query, state: state && buildState[state], ...owned }
      const { items, next } = await listBuilds(ctx, filter)
      return jsonWithEtag(c, { items: items.map((row) => buildJson(words(ctx), row)), next })
    },
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/builds/{nvr}',
      tags: ['builds'],
      request: { params: z.object({ nvr: z.string() }) },
      responses: answers('One build with its packages and tags.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { build, rpms, tags } = await viewBuild(ctx, c.req.valid('param').nvr)
      const files = rpms.map(
        ({ filename, name, epoch, version, release, arch, sha256, size_bytes }) => ({
          ...{ filename, name, epoch, version, release, arch, sha256, size_bytes },
        }),
      )
      return jsonWithEtag(c, { ...buildJson(words(ctx), build), rpms: files, tags })
    },
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/packages',
      tags: ['builds'],
      request: { query: pageQuery.extend({ search: z.string().max(100).optional() }) },
      responses: answers('Source packages by name.'),
    }),
    async (c) => {
      const { items, next } = await listPackages(c.get('ctx'), c.req.valid('query'))
      const rows = items.map(({ name, summary, source }) => ({ name, summary, source }))
      return jsonWithEtag(c, { items: rows, next })
    },
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/packages/{name}/sources/{file}',
      tags: ['builds'],
      request: { params: z.object({ name: z.string().max(200), file: z.string().max(255) }) },
      responses: answers('A file that one of the own packages is built from, as text.'),
    }),
    async (c) => {
      const { name, file } = c.req.valid('param')
      const content = await contentFile(c.get('ctx').app, name, file)
      // As text whatever it is: nothing from here is to be run by a browser.
      const type = content.includes(0) ? 'application/octet-stream' : 'text/plain; charset=utf-8'
      return c.body(new Uint8Array(content), 200, {
        'Content-Type': type,
        'Cache-Control': 'no-cache',
      })
    },
  )
}
