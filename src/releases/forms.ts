/** Forms of the release pages: each runs one verb and comes back to its page. */
import { type Context, Hono } from 'hono'
import { invalid } from '../kernel/errors.ts'
import { formRoute, localPath } from '../kernel/forms.ts'
import { fromZod, type HttpEnv } from '../kernel/http.ts'
import { reason } from '../kernel/reason.ts'
import { rowNumber } from '../kernel/row-number.ts'
import { blockerInput, blockerVoteInput } from './blocker.ts'
import { decideBlocker, proposeBlocker, resolveBlocker, voteBlocker } from './blockers.ts'
import { claimPackage, releaseClaim } from './claims.ts'
import { decideRelease } from './decisions.ts'
import { moveMilestone, reachMilestone } from './milestones.ts'
import { releaseStates } from './move.ts'
import { moveRelease } from './moves.ts'

const pageOf = (c: Context<HttpEnv>) =>
  `/releases/${encodeURIComponent(c.req.param('release') ?? '')}`
const blockerPage = (c: Context<HttpEnv>) =>
  `${pageOf(c)}/blockers/${encodeURIComponent(c.req.param('id') ?? '')}`
const releaseOf = (c: Context<HttpEnv>) => c.req.param('release') ?? ''
const idOf = (c: Context<HttpEnv>) => rowNumber(c.req.param('id'))

export function createReleaseForms(): Hono<HttpEnv> {
  const forms = new Hono<HttpEnv>()
  forms.post(
    '/releases/:release/schedule',
    formRoute(pageOf, async (c, form) => {
      const { milestone = '', date = '', reason: why = '' } = form
      if (form.what === 'reached') {
        await reachMilestone(c.get('ctx'), releaseOf(c), milestone)
        return { to: pageOf(c), done: 'release.milestone-done' }
      }
      await moveMilestone(c.get('ctx'), releaseOf(c), milestone, { date, reason: why })
      return { to: pageOf(c), done: 'release.slip-done' }
    }),
  )
  forms.post(
    '/releases/:release/state',
    formRoute(
      (c) => `${pageOf(c)}#life`,
      async (c, form) => {
        const state = releaseStates.find((each) => each === form.state)
        if (!state) throw invalid('state', reason('release.state-value'))
        await moveRelease(c.get('ctx'), releaseOf(c), { state, reason: form.reason ?? '' })
        return { to: `${pageOf(c)}#life`, done: `release.moved.${state}` }
      },
    ),
  )
  forms.post(
    '/releases/:release/decisions',
    formRoute(pageOf, async (c, form) => {
      const decision = (['go', 'no-go'] as const).find((each) => each === form.decision)
      if (!decision) throw invalid('decision', reason('release.decision-value'))
      const { milestone = '', reason: why = '' } = form
      const input = { milestone, decision, reason: why, in_spite: form.in_spite === 'on' }
      await decideRelease(c.get('ctx'), releaseOf(c), input)
      return { to: pageOf(c), done: 'release.decision-done' }
    }),
  )
  forms.post(
    '/releases/:release/blockers',
    formRoute(
      (c) => `${pageOf(c)}/blockers/new`,
      async (c, form) => {
        const parsed = blockerInput.safeParse(form)
        if (!parsed.success) throw fromZod(parsed.error)
        const { id } = await proposeBlocker(c.get('ctx'), releaseOf(c), parsed.data)
        return { to: `${pageOf(c)}/blockers/${id}`, done: 'blocker.proposed-done' }
      },
    ),
  )
  forms.post(
    '/releases/:release/blockers/:id/vote',
    formRoute(blockerPage, async (c, form) => {
      const parsed = blockerVoteInput.safeParse(form)
      if (!parsed.success) throw fromZod(parsed.error)
      await voteBlocker(c.get('ctx'), releaseOf(c), idOf(c), parsed.data)
      return { to: blockerPage(c), done: 'blocker.voted-done' }
    }),
  )
  forms.post(
    '/releases/:release/blockers/:id/decision',
    formRoute(blockerPage, async (c, form) => {
      const { decision, reason: why = '' } = form
      if (decision === 'resolved') await resolveBlocker(c.get('ctx'), releaseOf(c), idOf(c), why)
      else if (decision === 'accepted' || decision === 'rejected')
        await decideBlocker(c.get('ctx'), releaseOf(c), idOf(c), { decision, reason: why })
      else throw invalid('decision', reason('release.decision-value'))
      return { to: blockerPage(c), done: 'blocker.decided-done' }
    }),
  )
  for (const [path, verb] of [
    ['claim', claimPackage],
    ['let-go', releaseClaim],
  ] as const)
    forms.post(
      `/releases/:release/${path}`,
      formRoute(
        (c) => `${pageOf(c)}/readiness`,
        async (c, form) => {
          await verb(c.get('ctx'), releaseOf(c), form.package ?? '')
          const to = localPath(form.to, `${pageOf(c)}/readiness`)
          return { to, done: `release.${path}-done`, params: { name: form.package ?? '' } }
        },
      ),
    )
  return forms
}
