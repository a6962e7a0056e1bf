/** Updates over HTTP: lists, one with what it waits for, create, edit, request, feedback, gates, pushes. */
import { createRoute, z } from '@hono/zod-openapi'
import { buildJson } from '../builds/api.ts'
import { iso } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import {
  createApi,
  decodeCursor,
  encodeCursor,
  jsonWithEtag,
  pageQuery,
  problemResponse,
} from '../kernel/http.ts'
import type { Reason } from '../kernel/reason.ts'
import { sayReason } from '../kernel/words.ts'
import { markdownText, updateEdit, updateInput } from './input.ts'
import { listPushes, type PushRow, startPush } from './pushes.ts'
import { requestUpdate } from './requests.ts'
import { editUpdate } from './revisions.ts'
import { updateRequests, updateStatuses, updateTypes } from './update.ts'
import { createUpdate, listUpdates, type UpdateRow, viewUpdate } from './updates.ts'
import { castVote, type Karma, postComment, recordGate, waiveGate, withdrawVote } from './votes.ts'

const aliasParams = z.object({ alias: z.string().max(100) })

/** -1, 0 or 1. */
export const karmaSchema = z.coerce
  .number()
  .int()
  .min(-1)
  .max(1)
  .transform((value) => value as Karma)

const jsonBody = <T extends z.ZodType>(schema: T) => ({
  body: { required: true, content: { 'application/json': { schema } } },
})

const say = (ctx: Ctx, reasons: Reason[] | null) =>
  (reasons ?? []).map((each) => ({
    code: each.code,
    sentence: sayReason(ctx.app.words.in('en'), each),
  }))

/** An update as JSON, without what only its page needs. */
export function updateJson(ctx: Ctx, row: UpdateRow) {
  const { alias, release, title, notes, type, severity, status, request, submitter, revision } = row
  const { stable_karma, unstable_karma, autokarma, autotime, critical, obsoleted_by } = row
  return {
    ...{ alias, release, title, notes, type, severity, status, request, submitter, revision },
    ...{ stable_karma, unstable_karma, autokarma, autotime, critical, obsoleted_by },
    locked: row.push_id !== null,
    ejected: say(ctx, row.ejected),
    created_at: iso(row.created_at),
    modified_at: iso(row.modified_at),
    testing_at: iso(row.testing_at),
    stable_at: iso(row.stable_at),
  }
}

/** One update with everything that is public about it. */
async function wholeUpdate(ctx: Ctx, alias: string) {
  const view = await viewUpdate(ctx, alias)
  const t = ctx.app.words.in('en')
  return {
    ...updateJson(ctx, view.update),
    karma: view.karma,
    waits_for: say(ctx, view.waits_for),
    builds: view.builds.map((build) => buildJson(t, build)),
    bugs: view.bugs.map(({ id, url, number, title, required }) => ({
      ...{ id, url, number, title, required },
    })),
    testcases: view.testcases.map(({ id, name, required }) => ({ id, name, required })),
    cves: view.cves,
    gates: view.gates.map(({ check, passed, required, message, waived_by, waived_reason }) => ({
      ...{ check, passed, required, message, waived_by, waived_reason },
    })),
    votes: view.votes.map(({ username, karma, subject, revision, at, withdrawn_at }) => ({
      ...{ username, karma, subject, revision, at: iso(at) },
      withdrawn_at: iso(withdrawn_at),
    })),
    comments: view.comments.map(({ id, author, text, karma, revision, at }) => ({
      ...{ id, author, text, karma, revision, at: iso(at) },
    })),
  }
}

export function createUpdatesApi() {
  const api = createApi()
  addReads(api)
  addChanges(api)
  addFeedback(api)
  addPushes(api)
  return api
}

type Api = ReturnType<typeof createApi>

function addReads(api: Api): void {
  api.openapi(
    createRoute({
      method: 'get',
      path: '/updates',
      tags: ['updates'],
      request: {
        query: pageQuery.extend({
          release: z.string().max(100).optional(),
          status: z.enum(updateStatuses).optional(),
          type: z.enum(updateTypes).optional(),
        }),
      },
      responses: { 200: { description: 'Updates, newest first.' }, ...problemResponse },
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { items, next } = await listUpdates(ctx, c.req.valid('query'))
      return jsonWithEtag(c, { items: items.map((row) => updateJson(ctx, row)), next })
    },
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/updates/{alias}',
      tags: ['updates'],
      request: { params: aliasParams },
      responses: { 200: { description: 'One update, with its reasons.' }, ...problemResponse },
    }),
    async (c) => {
      const ctx = c.get('ctx')
      return jsonWithEtag(c, await wholeUpdate(ctx, c.req.valid('param').alias))
    },
  )
}

function addChanges(api: Api): void {
  api.openapi(
    createRoute({
      method: 'post',
      path: '/updates',
      tags: ['updates'],
      request: jsonBody(updateInput),
      responses: { 201: { description: 'Made; it asks for testing.' }, ...problemResponse },
    }),
    async (c) => {
      const ctx = c.get('ctx')
      return c.json(updateJson(ctx, await createUpdate(ctx, c.req.valid('json'))), 201)
    },
  )
  api.openapi(
    createRoute({
      method: 'patch',
      path: '/updates/{alias}',
      tags: ['updates'],
      request: { params: aliasParams, ...jsonBody(updateEdit) },
      responses: { 200: { description: 'Changed.' }, ...problemResponse },
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const row = await editUpdate(ctx, c.req.valid('param').alias, c.req.valid('json'))
      return c.json(updateJson(ctx, row))
    },
  )
  api.openapi(
    createRoute({
      method: 'post',
      path: '/updates/{alias}/request',
      tags: ['updates'],
      request: {
        params: aliasParams,
        ...jsonBody(
          z.object({ request: z.enum(updateRequests), reason: z.string().max(2000).default('') }),
        ),
      },
      responses: { 200: { description: 'Requested, or taken back.' }, ...problemResponse },
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { request, reason } = c.req.valid('json')
      const row = await requestUpdate(ctx, c.req.valid('param').alias, request, reason)
      return c.json(updateJson(ctx, row))
    },
  )
}

function addFeedback(api: Api): void {
  const subject = z.string().max(100).default('update')
  api.openapi(
    createRoute({
      method: 'post',
      path: '/updates/{alias}/votes',
      tags: ['feedback'],
      request: {
        params: aliasParams,
        ...jsonBody(z.object({ karma: karmaSchema, subject, text: markdownText.optional() })),
      },
      responses: { 200: { description: 'The karma as it is now.' }, ...problemResponse },
    }),
    async (c) =>
      c.json({
        karma: await castVote(c.get('ctx'), c.req.valid('param').alias, c.req.valid('json')),
      }),
  )
  api.openapi(
    createRoute({
      method: 'delete',
      path: '/updates/{alias}/votes',
      tags: ['feedback'],
      request: { params: aliasParams, query: z.object({ subject }) },
      responses: { 200: { description: 'Withdrawn.' }, ...problemResponse },
    }),
    async (c) => {
      const { alias } = c.req.valid('param')
      const karma = await withdrawVote(c.get('ctx'), alias, c.req.valid('query').subject)
      return c.json({ karma })
    },
  )
  api.openapi(
    createRoute({
      method: 'post',
      path: '/updates/{alias}/comments',
      tags: ['feedback'],
      request: { params: aliasParams, ...jsonBody(z.object({ text: markdownText.min(1) })) },
      responses: { 201: { description: 'Said.' }, ...problemResponse },
    }),
    async (c) => {
      await postComment(c.get('ctx'), c.req.valid('param').alias, c.req.valid('json').text)
      return c.json({}, 201)
    },
  )
  addGates(api)
}

function addGates(api: Api): void {
  api.openapi(
    createRoute({
      method: 'post',
      path: '/updates/{alias}/gates',
      tags: ['feedback'],
      request: {
        params: aliasParams,
        ...jsonBody(
          z.object({
            check: z.string().min(1).max(200),
            passed: z.boolean(),
            required: z.boolean().default(true),
            message: z.string().max(2000).default(''),
          }),
        ),
      },
      responses: { 200: { description: 'Recorded.' }, ...problemResponse },
    }),
    async (c) => {
      await recordGate(c.get('ctx'), c.req.valid('param').alias, c.req.valid('json'))
      return c.json({})
    },
  )
  api.openapi(
    createRoute({
      method: 'post',
      path: '/updates/{alias}/waivers',
      tags: ['feedback'],
      request: {
        params: aliasParams,
        ...jsonBody(z.object({ check: z.string().max(200), reason: z.string().max(2000) })),
      },
      responses: { 200: { description: 'Waived, with the reason on record.' }, ...problemResponse },
    }),
    async (c) => {
      const { check, reason } = c.req.valid('json')
      await waiveGate(c.get('ctx'), c.req.valid('param').alias, check, reason)
      return c.json({})
    },
  )
}

function addPushes(api: Api): void {
  const pushJson = (ctx: Ctx, { notes, created_at, ended_at, ...row }: PushRow) => ({
    ...row,
    notes: say(ctx, notes),
    created_at: iso(created_at),
    ended_at: iso(ended_at),
  })
  api.openapi(
    createRoute({
      method: 'get',
      path: '/pushes',
      tags: ['pushes'],
      request: { query: pageQuery },
      responses: { 200: { description: 'Pushes, newest first.' }, ...problemResponse },
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
