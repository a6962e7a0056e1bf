/** Forms of a push's page: take an update out of it, give it up. */
import { Hono } from 'hono'
import { PortalError } from '../kernel/errors.ts'
import { formRoute } from '../kernel/forms.ts'
import type { HttpContext, HttpEnv } from '../kernel/http.ts'
import { giveUpPush, withdrawFromPush } from './push-ends.ts'

function pushOf(c: HttpContext): number {
  const id = Number(c.req.param('id'))
  if (!Number.isSafeInteger(id)) throw new PortalError('not-found')
  return id
}

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
