/** Releases over HTTP: the list, readiness, claims, the schedule and its slips. */
import { createRoute, z } from '@hono/zod-openapi'
import { describeRelease, listReleases } from '../distribution/releases.ts'
import { iso } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import { answers, createApi, jsonBody, jsonWithEtag } from '../kernel/http.ts'
import { reasonJson } from '../kernel/words.ts'
import { addBlockers } from './blockers-api.ts'
import { claimPackage, releaseClaim } from './claims.ts'
import { addDecisions } from './decisions-api.ts'
import { moveMilestone, reachMilestone, scheduleOf } from './milestones.ts'
import { burnUp } from './progress.ts'
import { percentStable, readinessStates } from './readiness.ts'
import { type PackageReport, readinessReport } from './reports.ts'

const releaseParams = z.object({ release: z.string().max(100) })
const milestoneParams = releaseParams.extend({ milestone: z.string().max(100) })
const done = answers('Done.')

function packageJson(ctx: Ctx, { by_arch, ...each }: PackageReport) {
  return {
    ...{ name: each.name, repository: each.repository, wanted: each.wanted ?? null },
    ...{ nvr: each.nvr ?? null, assigned: each.assigned ?? null },
    by_arch: by_arch.map(({ arch, readiness }) => ({
      ...{
        arch,
        state: readiness.state,
        reasons: readiness.reasons.map((why) => reasonJson(ctx.app.words.in('en'), why)),
      },
    })),
  }
}

async function scheduleJson(ctx: Ctx, release: string) {
  return (await scheduleOf(ctx, release)).map(({ milestone, standing, slips, days_late }) => ({
    ...{ key: milestone.key, name: milestone.name, date: milestone.date },
    ...{ first_date: milestone.first_date, days_late, standing },
    reached_at: iso(milestone.reached_at),
    slips: slips.map(({ from_date, to_date, reason, decided_by, at }) => ({
      ...{ from_date, to_date, reason, decided_by, at: iso(at) },
    })),
  }))
}

export function createReleasesApi() {
  const api = createApi()
  const at = (path: string) => `/releases/{release}${path}`
  api.openapi(
    createRoute({
      ...{ method: 'get', path: '/releases', tags: ['releases'] },
      responses: answers('All releases.'),
    }),
    async (c) => {
      const { app } = c.get('ctx')
      const items = (await listReleases(c.get('ctx'))).map((row) => {
        const { codename, arches, upstream, ...about } = describeRelease(app, row.name)
        const { name, version, state, state_since } = row
        return {
          ...{ name, version, state, since: iso(state_since), codename, arches, upstream },
          support_until: about.support_until ?? null,
          maintenance_until: about.maintenance_until ?? null,
        }
      })
      return jsonWithEtag(c, { items })
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'get', path: at('/readiness'), tags: ['releases'] },
      request: {
        params: releaseParams,
        query: z.object({
          state: z.enum(readinessStates).optional(),
          repository: z.string().max(100).optional(),
          fields: z.string().max(500).optional(),
        }),
      },
      responses: answers('What the release must reach, and for each "not yet" its reasons.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { state, repository } = c.req.valid('query')
      const report = await readinessReport(ctx, c.req.valid('param').release)
      const items = report.packages
        .filter((each) => repository === undefined || each.repository === repository)
        .filter((each) => !state || each.by_arch.some((a) => a.readiness.state === state))
        .map((each) => packageJson(ctx, each))
      const { release, total, counts, from_upstream } = report
      const summary = { percent_stable: percentStable(total), total, counts, from_upstream }
      const history = await burnUp(ctx, release)
      return jsonWithEtag(c, { release, ...summary, burn_up: history, items }, report.made_at)
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'get', path: at('/schedule'), tags: ['releases'] },
      request: { params: releaseParams },
      responses: answers('Milestones with their slips.'),
    }),
    async (c) =>
      jsonWithEtag(c, {
        items: await scheduleJson(c.get('ctx'), c.req.valid('param').release),
      }),
  )
  api.openapi(
    createRoute({
      ...{ method: 'post', path: at('/schedule/{milestone}/slips'), tags: ['releases'] },
      request: {
        params: milestoneParams,
        ...jsonBody(z.object({ date: z.string().max(20), reason: z.string().max(2000) })),
      },
      responses: done,
    }),
    async (c) => {
      const { release, milestone } = c.req.valid('param')
      await moveMilestone(c.get('ctx'), release, milestone, c.req.valid('json'))
      return c.json({})
    },
  )
  api.openapi(
    createRoute({
      ...{ method: 'post', path: at('/schedule/{milestone}/reached'), tags: ['releases'] },
      request: { params: milestoneParams },
      responses: done,
    }),
    async (c) => {
      const { release, milestone } = c.req.valid('param')
      await reachMilestone(c.get('ctx'), release, milestone)
      return c.json({})
    },
  )
  addBlockers(api)
  addDecisions(api)
  addClaims(api)
  return api
}

const packageParams = releaseParams.extend({ package: z.string().max(200) })

function addClaims(api: ReturnType<typeof createApi>): void {
  for (const [method, verb] of [
    ['put', claimPackage],
    ['delete', releaseClaim],
  ] as const)
    api.openapi(
      createRoute({
        ...{ method, path: '/releases/{release}/packages/{package}/claim', tags: ['releases'] },
        request: { params: packageParams },
        responses: done,
      }),
      async (c) => {
        const { release, package: name } = c.req.valid('param')
        await verb(c.get('ctx'), release, name)
        return c.json({})
      },
    )
}
