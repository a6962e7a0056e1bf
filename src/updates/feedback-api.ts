/** Feedback on updates over HTTP: votes, results of checks and their waivers. */
import { createRoute, z } from '@hono/zod-openapi'
import { answers, type createApi, jsonBody } from '../kernel/http.ts'
import { recordGate, waiveGate } from './gates.ts'
import { markdownText } from './input.ts'
import { castVote, type Karma, withdrawVote } from './votes.ts'

/** The revision that was looked at or tested: what is said of one does not count for another. */
const revision = z.int().positive()

const aliasParams = z.object({ alias: z.string().max(100) })

/** -1, 0 or 1. */
export const karmaSchema = z.coerce
  .number()
  .int()
  .min(-1)
  .max(1)
  .transform((value) => value as Karma)

type Api = ReturnType<typeof createApi>

export function addFeedback(api: Api): void {
  const subject = z.string().max(100).default('update')
  api.openapi(
    createRoute({
      method: 'post',
      path: '/updates/{alias}/votes',
      tags: ['feedback'],
      request: {
        params: aliasParams,
        ...jsonBody(
          z.object({
            karma: karmaSchema,
            subject,
            text: markdownText.optional(),
            revision: revision.optional(),
          }),
        ),
      },
      responses: answers('The karma as it is now.'),
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
      responses: answers('Withdrawn.'),
    }),
    async (c) => {
      const { alias } = c.req.valid('param')
      const karma = await withdrawVote(c.get('ctx'), alias, c.req.valid('query').subject)
      return c.json({ karma })
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
            revision,
            check: z.string().min(1).max(200),
            passed: z.boolean(),
            required: z.boolean().default(true),
            message: z.string().max(2000).default(''),
          }),
        ),
      },
      responses: answers('Recorded.'),
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
        ...jsonBody(
          z.object({
            revision,
            check: z.string().max(200),
            result_at: z.iso.datetime().optional(),
            reason: z.string().max(2000),
          }),
        ),
      },
      responses: answers('Waived, with the reason on record.'),
    }),
    async (c) => {
      const { reason, result_at, ...what } = c.req.valid('json')
      const at = result_at === undefined ? {} : { result_at: Date.parse(result_at) }
      const waived = { ...what, ...at }
      await waiveGate(c.get('ctx'), c.req.valid('param').alias, waived, reason)
      return c.json({})
    },
  )
}
