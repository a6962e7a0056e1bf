/** Releases over HTTP: schedule, readiness, blockers, decisions, claims; calendar and badge. */
import { createRoute, z } from '@hono/zod-openapi'
import { describeRelease, listReleases } from '../distribution/releases.ts'
import { renderBadge } from '../kernel/badge.ts'
import { iso } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import { createApi, jsonWithEtag, problemResponse } from '../kernel/http.ts'
import type { Reason } from '../kernel/reason.ts'
import { sayReason } from '../kernel/words.ts'
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
import { scheduleCalendar } from './calendar.ts'
import { claimPackage, releaseClaim } from './claims.ts'
import { decideRelease, listDecisions, reasonsAgainst } from './decisions.ts'
import { moveMilestone, reachMilestone, scheduleOf } from './milestones.ts'
import { burnUp } from './progress.ts'
import { percentStable, readinessStates, totalOf } from './readiness.ts'
import { type PackageReport, readinessReport } from './reports.ts'

const releaseParams = z.object({ release: z.string().max(100) })
const blockerParams = releaseParams.extend({ id: z.coerce.number().int().positive() })
const packageParams = releaseParams.extend({ package: z.string().max(200) })
const milestoneParams = releaseParams.extend({ milestone: z.string().max(100) })
const jsonBody = <T extends z.ZodType>(schema: T) => ({
  body: { required: true, content: { 'application/json': { schema } } },
})
const done = { 200: { description: 'Done.' }, ...problemResponse }
const answers = (description: string) => ({ 200: { description }, ...problemResponse })

const say = (ctx: Ctx, reasons: readonly Reason[]) =>
  reasons.map((each) => ({
    code: each.code,
    sentence: sayReason(ctx.app.words.in('en'), each),
  }))

function packageJson(ctx: Ctx, { by_arch, ...each }: PackageReport) {
  return {
    ...{ name: each.name, repository: each.repository, wanted: each.wanted ?? null },
    ...{ nvr: each.nvr ?? null, assigned: each.assigned ?? null },
    by_arch: by_arch.map(({ arch, readiness }) => ({
      ...{ arch, state: readiness.state, reasons: say(ctx, readiness.reasons) },
    })),
  }
}

function blockerJson({ blocker, votes, sum }: BlockerSummary) {
  const { proposer_id: _, created_at, decided_at, ...row } = blocker
  return { ...row, votes, sum, created_at: iso(created_at), decided_at: iso(decided_at) }
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
        const { codename, arches, upstream } = describeRelease(app, row.name)
        const { name, version, state, state_since } = row
        return { name, version, state, since: iso(state_since), codename, arches, upstream }
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
  addBlockerRoutes(api, at)
  addDecisionRoutes(api, at)
  addClaimRoutes(api, at)
  return api
}

type Api = ReturnType<typeof createApi>
type At = (path: string) => string

function addBlockerRoutes(api: Api, at: At): void {
  api.openapi(
    createRoute({
      ...{ method: 'get', path: at('/blockers'), tags: ['releases'] },
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
      ...{ method: 'post', path: at('/blockers'), tags: ['releases'] },
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
      ...{ method: 'get', path: at('/blockers/{id}'), tags: ['releases'] },
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
      ...{ method: 'post', path: at('/blockers/{id}/votes'), tags: ['releases'] },
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
      ...{ method: 'post', path: at('/blockers/{id}/decision'), tags: ['releases'] },
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

function addDecisionRoutes(api: Api, at: At): void {
  api.openapi(
    createRoute({
      ...{ method: 'get', path: at('/decisions'), tags: ['releases'] },
      request: { params: releaseParams },
      responses: answers('Go and no-go decisions, and what stands against a go now.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      const { release } = c.req.valid('param')
      const against = say(ctx, await reasonsAgainst(ctx, release))
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
      ...{ method: 'post', path: at('/decisions'), tags: ['releases'] },
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

function addClaimRoutes(api: Api, at: At): void {
  for (const [method, verb] of [
    ['put', claimPackage],
    ['delete', releaseClaim],
  ] as const)
    api.openapi(
      createRoute({
        ...{ method, path: at('/packages/{package}/claim'), tags: ['releases'] },
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

/** What is no JSON: the calendar and the badge, under the release's own page. */
export function createReleaseFiles() {
  const files = createApi()
  files.get('/releases/:release/schedule.ics', async (c) =>
    c.body(await scheduleCalendar(c.get('ctx'), c.req.param('release')), 200, {
      'Content-Type': 'text/calendar; charset=utf-8',
      'Cache-Control': 'no-cache',
    }),
  )
  files.get('/releases/:release/badge.svg', async (c) => {
    const ctx = c.get('ctx')
    const { total } = await readinessReport(ctx, c.req.param('release'))
    const version = describeRelease(ctx.app, c.req.param('release')).version
    const value = `${total.stable} / ${totalOf(total)}`
    const tone = total.stable === totalOf(total) && total.stable > 0 ? 'ok' : 'run'
    const svg = renderBadge(`${ctx.app.distribution.name} ${version}`, value, tone)
    return c.body(svg, 200, { 'Content-Type': 'image/svg+xml', 'Cache-Control': 'no-cache' })
  })
  return files
}
