/** Forms of the update pages: each posts to one route, runs one verb and comes back to its page. */
import { Hono } from 'hono'
import { invalid } from '../kernel/errors.ts'
import { formRoute } from '../kernel/forms.ts'
import { fromZod, type HttpEnv } from '../kernel/http.ts'
import { reason } from '../kernel/reason.ts'
import { rowNumber } from '../kernel/row-number.ts'
import { hideComment, postComment, showComment } from './comments.ts'
import { karmaSchema } from './feedback-api.ts'
import { markdownText, updateInput } from './input.ts'
import { approveUpdate } from './newcomers.ts'
import { requestUpdate } from './requests.ts'
import { updateRequests } from './update.ts'
import { createUpdate } from './updates.ts'
import { castVote, withdrawVote } from './votes.ts'

/** One thing a line, as people type them into a text box. */
const lines = (text: string | undefined) =>
  (text ?? '').split(/[\s,]+/).filter((line) => line !== '')

function parseUpdate(form: Record<string, string>) {
  const parsed = updateInput.safeParse({
    ...{ title: form.title, notes: form.notes, type: form.type, severity: form.severity },
    builds: lines(form.builds),
    cves: lines(form.cves),
    bugs: lines(form.bugs).map((url) => ({ url })),
    autokarma: form.autokarma === 'on',
    autotime: form.autotime === 'on',
    reboot_suggested: form.reboot_suggested === 'on',
  })
  if (!parsed.success) throw fromZod(parsed.error)
  return parsed.data
}

function parseText(text: string | undefined): string {
  const parsed = markdownText.safeParse(text ?? '')
  if (!parsed.success)
    throw invalid('text', reason('input.fault', { message: 'at most 50,000 characters' }))
  return parsed.data
}

export function createUpdateForms(): Hono<HttpEnv> {
  const forms = new Hono<HttpEnv>()
  const page = (alias: string | undefined) => `/updates/${encodeURIComponent(alias ?? '')}`
  forms.post(
    '/updates/new',
    formRoute('/updates/new', async (c, form) => {
      const row = await createUpdate(c.get('ctx'), parseUpdate(form))
      return { to: page(row.alias), done: 'updates.made', params: { alias: row.alias } }
    }),
  )
  forms.post(
    '/updates/:alias/vote',
    formRoute(
      (c) => page(c.req.param('alias')),
      async (c, form) => {
        const alias = c.req.param('alias') ?? ''
        const to = page(alias)
        const subject = form.subject || 'update'
        const text = parseText(form.text)
        if (form.karma === 'withdraw') {
          await withdrawVote(c.get('ctx'), alias, subject)
          return { to, done: 'updates.vote-withdrawn' }
        }
        if (!form.karma) {
          await postComment(c.get('ctx'), alias, text)
          return { to, done: 'updates.commented' }
        }
        const karma = karmaSchema.safeParse(form.karma)
        if (!karma.success) throw invalid('karma', reason('update.karma-value'))
        const revision = rowNumber(form.revision) || undefined
        await castVote(c.get('ctx'), alias, { karma: karma.data, subject, text, revision })
        return { to, done: 'updates.voted' }
      },
    ),
  )
  for (const [path, done, work] of [
    ['hide', 'updates.comment-hidden', hideComment],
    ['show', 'updates.comment-shown', showComment],
  ] as const)
    forms.post(
      `/updates/:alias/comments/:id/${path}`,
      formRoute(
        (c) => page(c.req.param('alias')),
        async (c, form) => {
          const alias = c.req.param('alias') ?? ''
          const id = rowNumber(c.req.param('id'))
          await work(c.get('ctx'), alias, id, form.reason ?? '')
          return { to: `${page(alias)}#comment-${id}`, done }
        },
      ),
    )
  forms.post(
    '/updates/:alias/request',
    formRoute(
      (c) => page(c.req.param('alias')),
      async (c, form) => {
        const alias = c.req.param('alias') ?? ''
        const request = updateRequests.find((each) => each === form.request)
        if (!request) throw invalid('request', reason('update.request-value'))
        await requestUpdate(c.get('ctx'), alias, request, form.reason)
        return { to: page(alias), done: 'updates.requested' }
      },
    ),
  )
  forms.post(
    '/updates/:alias/approve',
    formRoute(
      (c) => page(c.req.param('alias')),
      async (c) => {
        const alias = c.req.param('alias') ?? ''
        await approveUpdate(c.get('ctx'), alias)
        return { to: page(alias), done: 'updates.approved' }
      },
    ),
  )
  return forms
}
