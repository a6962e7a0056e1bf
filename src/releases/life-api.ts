/** One release over HTTP: its state, how it came there, its support, and where it can go. */
import { createRoute, z } from '@hono/zod-openapi'
import { iso } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import { answers, createApi, jsonBody, jsonWithEtag } from '../kernel/http.ts'
import { reasonJson } from '../kernel/words.ts'
import { releaseStates } from './move.ts'
import { lifeOf, MOVE_REASON_MAX_CHARS, moveRelease, type ReleaseLife } from './moves.ts'

const params = z.object({ release: z.string().max(100) })
const moveBody = z.object({
  state: z.enum(releaseStates),
  reason: z.string().max(MOVE_REASON_MAX_CHARS),
})

function lifeJson(ctx: Ctx, { release, about, changes, support, moves }: ReleaseLife) {
  const t = ctx.app.words.in('en')
  const { name, version, state, state_since } = release
  const { codename, arches, upstream, policy } = about
  return {
    ...{ name, version, codename, state, meaning: t(`release.meaning.${state}`) },
    since: iso(state_since),
    ...{ arches, upstream, policy },
    released: about.released ?? null,
    support_until: about.support_until ?? null,
    maintenance_until: about.maintenance_until ?? null,
    support,
    changes: changes.map(({ from, at, ...change }) => ({
      ...{ from: from ?? null, ...change, at: iso(at) },
    })),
    moves: moves.map(({ state: to, against }) => ({
      state: to,
      against: against.map((each) => reasonJson(t, each)),
    })),
  }
}

export function createLifeApi() {
  const api = createApi()
  api.openapi(
    createRoute({
      ...{ method: 'get', path: '/releases/{release}', tags: ['releases'] },
      request: { params },
      responses: answers('A release: state, support, history, and where it can go.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      return jsonWithEtag(c, lifeJson(ctx, await lifeOf(ctx, c.req.valid('param').release)))
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'post', path: '/releases/{release}/state', tags: ['releases'] },
      request: {
        params,
        ...jsonBody(moveBody),
      },
      responses: answers('Moved; the release as it is now.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { release } = c.req.valid('param')
      return c.json(lifeJson(ctx, await moveRelease(ctx, release, c.req.valid('json'))))
    },
  )
  return api
}
