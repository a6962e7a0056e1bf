/** Comments on updates over HTTP: read in pages, said, hidden by moderators and shown again. */
import { createRoute, z } from '@hono/zod-openapi'
import { iso } from '../kernel/clock.ts'
import {
  answers,
  type createApi,
  jsonBody,
  jsonWithEtag,
  pageQuery,
  problemResponse,
} from '../kernel/http.ts'
import { commentPage, hideComment, postComment, showComment } from './comments.ts'
import { markdownText } from './input.ts'
import type { CommentRow } from './queries.ts'
import { getUpdate } from './updates.ts'

const aliasParams = z.object({ alias: z.string().max(100) })
const commentParams = aliasParams.extend({ id: z.coerce.number().int().positive() })

/** A comment as everyone reads it: of a hidden one the words stay away. */
export function commentJson({ id, author, text, karma, revision, at, ...row }: CommentRow) {
  const { hidden_at, hidden_by, hidden_reason } = row
  const hidden =
    hidden_at === null ? null : { at: iso(hidden_at), by: hidden_by, reason: hidden_reason }
  return { id, author, text: hidden ? '' : text, karma, revision, at: iso(at), hidden }
}

export function addComments(api: ReturnType<typeof createApi>): void {
  const path = '/updates/{alias}/comments'
  api.openapi(
    createRoute({
      ...{ method: 'get', path, tags: ['feedback'] },
      request: { params: aliasParams, query: pageQuery },
      responses: answers(
        'Comments, oldest first, of the newest page; `next` leads to earlier ones.',
      ),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const row = await getUpdate(ctx, c.req.valid('param').alias)
      const { items, next } = await commentPage(ctx, row.id, c.req.valid('query'))
      return jsonWithEtag(c, { items: items.map(commentJson), next })
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'post', path, tags: ['feedback'] },
      request: { params: aliasParams, ...jsonBody(z.object({ text: markdownText.min(1) })) },
      responses: { 201: { description: 'Said.' }, ...problemResponse },
    }),
    async (c) => {
      await postComment(c.get('ctx'), c.req.valid('param').alias, c.req.valid('json').text)
      return c.json({}, 201)
    },
  )
  const responses = { 204: { description: 'So it is.' }, ...problemResponse }
  api.openapi(
    createRoute({
      ...{ method: 'put', path: `${path}/{id}/hidden`, tags: ['feedback'], responses },
      request: { params: commentParams, ...jsonBody(z.object({ reason: z.string().max(2000) })) },
    }),
    async (c) => {
      const { alias, id } = c.req.valid('param')
      await hideComment(c.get('ctx'), alias, id, c.req.valid('json').reason)
      return c.body(null, 204)
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'delete', path: `${path}/{id}/hidden`, tags: ['feedback'], responses },
      request: { params: commentParams },
    }),
    async (c) => {
      const { alias, id } = c.req.valid('param')
      await showComment(c.get('ctx'), alias, id)
      return c.body(null, 204)
    },
  )
}
