/** Go and no-go over HTTP: what was decided, what stands against a go now, and deciding. */
import { createRoute, z } from '@hono/zod-openapi'
import { iso } from '../kernel/clock.ts'
import { answers, type createApi, jsonBody, jsonWithEtag, problemResponse } from '../kernel/http.ts'
import { reasonJson } from '../kernel/words.ts'
import { decideRelease, listDecisions, reasonsAgainst } from './decisions.ts'

const releaseParams = z.object({ release: z.string().max(100) })

export function addDecisions(api: ReturnType<typeof createApi>): void {
  api.openapi(
    createRoute({
      ...{ method: 'get', path: '/releases/{release}/decisions', tags: ['releases'] },
      request: { params: releaseParams },
      responses: answers('Go and no-go decisions, and what stands against a go now.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { release } = c.req.valid('param')
      const t = ctx.app.words.in('en')
      const against = (await reasonsAgainst(ctx, release)).map((why) => reasonJson(t, why))
      const items = (await listDecisions(ctx, release)).map(({ at: when, ...row }) => ({
        ...row,
        at: iso(when),
      }))
      return jsonWithEtag(c, { against, items })
    },
  )
  const input = z.object({
    milestone: z.string().max(100),
    decision: z.enum(['go', 'no-go']),
    reason: z.string().max(5000),
    in_spite: z.boolean().default(false),
  })
  api.openapi(
    createRoute({
      ...{ method: 'post', path: '/releases/{release}/decisions', tags: ['releases'] },
      request: { params: releaseParams, ...jsonBody(input) },
      responses: { 201: { description: 'Recorded.' }, ...problemResponse },
    }),
    async (c) => {
      const { release } = c.req.valid('param')
      const row = await decideRelease(c.get('ctx'), release, c.req.valid('json'))
      return c.json({ ...row, at: iso(row.at) }, 201)
    },
  )
}
