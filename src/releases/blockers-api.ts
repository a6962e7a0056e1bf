/** Blockers and freeze exceptions over HTTP: list, propose, vote, decide. */
import { createRoute, z } from '@hono/zod-openapi'
import { iso } from '../kernel/clock.ts'
import { answers, type createApi, jsonBody, jsonWithEtag, problemResponse } from '../kernel/http.ts'
import { blockerInput, blockerKinds, blockerStates, blockerVoteInput } from './blocker.ts'
import {
  type BlockerSummary,
  decideBlocker,
  listBlockers,
  proposeBlocker,
  resolveBlocker,
  viewBlocker,
  voteBlocker,
} from './blockers.ts'

const releaseParams = z.object({ release: z.string().max(100) })
const blockerParams = releaseParams.extend({ id: z.coerce.number().int().positive() })
const done = answers('Done.')

function blockerJson({ blocker, votes, sum }: BlockerSummary) {
  const { proposer_id: _, created_at, decided_at, ...row } = blocker
  return { ...row, votes, sum, created_at: iso(created_at), decided_at: iso(decided_at) }
}

export function addBlockers(api: ReturnType<typeof createApi>): void {
  api.openapi(
    createRoute({
      ...{ method: 'get', path: '/releases/{release}/blockers', tags: ['releases'] },
      request: {
        params: releaseParams,
        query: z.object({
          kind: z.enum(blockerKinds).optional(),
          state: z.enum(blockerStates).optional(),
        }),
      },
      responses: answers('Blockers and freeze exceptions.'),
    }),
    async (c) => {
      const { release } = c.req.valid('param')
      const found = await listBlockers(c.get('ctx'), release, c.req.valid('query'))
      return jsonWithEtag(c, { items: found.map(blockerJson) })
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'post', path: '/releases/{release}/blockers', tags: ['releases'] },
      request: { params: releaseParams, ...jsonBody(blockerInput) },
      responses: { 201: { description: 'Proposed.' }, ...problemResponse },
    }),
    async (c) => {
      const { release } = c.req.valid('param')
      const row = await proposeBlocker(c.get('ctx'), release, c.req.valid('json'))
      return c.json(blockerJson({ blocker: row, votes: 0, sum: 0 }), 201)
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'get', path: '/releases/{release}/blockers/{id}', tags: ['releases'] },
      request: { params: blockerParams },
      responses: answers('One with its votes.'),
    }),
    async (c) => {
      const { release, id } = c.req.valid('param')
      const { blocker, votes } = await viewBlocker(c.get('ctx'), release, id)
      const sum = votes.reduce((total, { vote }) => total + vote, 0)
      return jsonWithEtag(c, {
        ...blockerJson({ blocker, votes: votes.length, sum }),
        said: votes.map(({ username, vote, comment, at: when }) => ({
          ...{ username, vote, comment, at: iso(when) },
        })),
      })
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'post', path: '/releases/{release}/blockers/{id}/votes', tags: ['releases'] },
      request: { params: blockerParams, ...jsonBody(blockerVoteInput) },
      responses: done,
    }),
    async (c) => {
      const { release, id } = c.req.valid('param')
      await voteBlocker(c.get('ctx'), release, id, c.req.valid('json'))
      return c.json({})
    },
  )
  const decision = z.object({
    decision: z.enum(['accepted', 'rejected', 'resolved']),
    reason: z.string().max(5000),
  })
  api.openapi(
    createRoute({
      ...{ method: 'post', path: '/releases/{release}/blockers/{id}/decision', tags: ['releases'] },
      request: { params: blockerParams, ...jsonBody(decision) },
      responses: done,
    }),
    async (c) => {
      const { release, id } = c.req.valid('param')
      const { decision: what, reason } = c.req.valid('json')
      if (what === 'resolved') await resolveBlocker(c.get('ctx'), release, id, reason)
      else await decideBlocker(c.get('ctx'), release, id, { decision: what, reason })
      return c.json({})
    },
  )
}
