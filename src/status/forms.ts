/** Buttons of the status page: what becomes of an event that could not be acted on. */
import { Hono } from 'hono'
import { dropAside, giveAgain } from '../kernel/aside.ts'
import { formRoute } from '../kernel/forms.ts'
import type { HttpContext, HttpEnv } from '../kernel/http.ts'

/** 0 is nobody's number. */
const idOf = (c: HttpContext) => {
  const id = Number(c.req.param('id'))
  return Number.isSafeInteger(id) ? id : 0
}

export function createStatusForms(): Hono<HttpEnv> {
  const forms = new Hono<HttpEnv>()
  forms.post(
    '/status/events/:id/again',
    formRoute('/status', async (c) => {
      await giveAgain(c.get('ctx'), idOf(c))
      return { to: '/status', done: 'status.aside.done.again' }
    }),
  )
  forms.post(
    '/status/events/:id/drop',
    formRoute('/status', async (c) => {
      await dropAside(c.get('ctx'), idOf(c))
      return { to: '/status', done: 'status.aside.done.dropped' }
    }),
  )
  return forms
}
