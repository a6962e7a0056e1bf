/** Updates over HTTP: lists, one with what it waits for, create, edit, request. */
import { createRoute, z } from '@hono/zod-openapi'
import { personId } from '../accounts/people.ts'
import { USERNAME_MAX_CHARS } from '../accounts/person.ts'
import { buildJson } from '../builds/api.ts'
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
import { addComments, commentJson } from './comments-api.ts'
import { addFeedback } from './feedback-api.ts'
import { updateEdit, updateInput } from './input.ts'
import { approveUpdate } from './newcomers.ts'
import { addPushes } from './pushes-api.ts'
import { requestUpdate } from './requests.ts'
import { editUpdate } from './revisions.ts'
import { updateRequests, updateStatuses, updateTypes } from './update.ts'
import { createUpdate, listUpdates, type UpdateRow, viewUpdate } from './updates.ts'

const aliasParams = z.object({ alias: z.string().max(100) })

/** An update as JSON, without what only its page needs. */
export function updateJson(ctx: Ctx, row: UpdateRow) {
  const { alias, release, title, notes, type, severity, status, request, submitter, revision } = row
  const { stable_karma, unstable_karma, autokarma, autotime, critical, obsoleted_by } = row
  const t = ctx.app.words.in('en')
  return {
    ...{ alias, release, title, notes, type, severity, status, request, submitter, revision },
    ...{ stable_karma, unstable_karma, autokarma, autotime, critical, obsoleted_by },
    reboot_suggested: row.reboot_suggested,
    locked: row.push_id !== null,
    held: row.held_at !== null,
    ejected: (row.ejected ?? []).map((each) => reasonJson(t, each)),
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
    waits_for: view.waits_for.map((each) => reasonJson(t, each)),
    builds: view.builds.map((build) => buildJson(t, build)),
    bugs: view.bugs.map(({ id, url, number, title, required }) => ({
      ...{ id, url, number, title, required },
    })),
    testcases: view.testcases.map(({ id, name, required }) => ({ id, name, required })),
    cves: view.cves,
    gates: view.gates.map(({ check, passed, required, message, waived_by, waived_reason, at }) => ({
      ...{ check, passed, required, message, waived_by, waived_reason, at: iso(at) },
    })),
    votes: view.votes.map(({ username, karma, subject, revision, at, withdrawn_at }) => ({
      ...{ username, karma, subject, revision, at: iso(at) },
      withdrawn_at: iso(withdrawn_at),
    })),
    comments: view.comments.map(commentJson),
    earlier_comments: view.earlier_comments,
  }
}

export function createUpdatesApi() {
  const api = createApi()
  addReads(api)
  addChanges(api)
  addFeedback(api)
  addComments(api)
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
          submitter: z.string().max(USERNAME_MAX_CHARS).optional(),
        }),
      },
      responses: answers('Updates, newest first.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { submitter, ...query } = c.req.valid('query')
      const own = submitter !== undefined && {
        submitter_id: await personId(ctx.app.db, submitter),
      }
      const { items, next } = await listUpdates(ctx, { ...query, ...own })
      return jsonWithEtag(c, { items: items.map((row) => updateJson(ctx, row)), next })
    },
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/updates/{alias}',
      tags: ['updates'],
      request: { params: aliasParams },
      responses: answers('One update, with its reasons.'),
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
      responses: answers('Changed.'),
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
      responses: answers('Requested, or taken back.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { request, reason } = c.req.valid('json')
      const row = await requestUpdate(ctx, c.req.valid('param').alias, request, reason)
      return c.json(updateJson(ctx, row))
    },
  )
  api.openapi(
    createRoute({
      method: 'post',
      path: '/updates/{alias}/approval',
      tags: ['updates'],
      request: { params: aliasParams },
      responses: answers('Approved: no longer held for a sponsor.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      return c.json(updateJson(ctx, await approveUpdate(ctx, c.req.valid('param').alias)))
    },
  )
}
