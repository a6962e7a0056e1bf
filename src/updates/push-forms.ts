/** Forms of a push's page: take an update out of it, give it up. */
import { Hono } from 'hono'
import { formRoute } from '../kernel/forms.ts'
import type { HttpContext, HttpEnv } from '../kernel/http.ts'
import { rowNumber } from '../kernel/row-number.ts'
import { giveUpPush, withdrawFromPush } from './push-ends.ts'

const pushOf = (c: HttpContext) => rowNumber(c.req.param('id'))

export function createPushForms(): Hono<HttpEnv> {
  const forms = new Hono<HttpEnv>()
  const page = (c: HttpContext) => `/pushes/${encodeURIComponent(c.req.param('id') ?? '')}`
  forms.post(
    '/pushes/:id/withdraw',
    formRoute(page, async (c, form) => {
      const { update: alias = '', reason = '' } = form
      await withdrawFromPush(c.get('ctx'), pushOf(c), alias, reason)
      return { to: page(c), done: 'push.withdrawn', params: { alias } }
    }),
  )
  forms.post(
    '/pushes/:id/give-up',
    formRoute(page, async (c, form) => {
      await giveUpPush(c.get('ctx'), pushOf(c), form.reason ?? '')
      return { to: page(c), done: 'push.given-up' }
    }),
  )
  return forms
}
