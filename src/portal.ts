/**
 * Everything the web answers except pages, as one Hono app: headers, session, API, files. fetch.ts adds
 * the pages behind it; tests call it with requests and no socket.
 */
import { OpenAPIHono } from '@hono/zod-openapi'
import { csrf } from 'hono/csrf'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import { subscription } from '../db/schema/kernel.ts'
import { createAccountsApi } from './accounts/api.ts'
import { createAccountForms } from './accounts/forms.ts'
import { actorFromRequest } from './accounts/sessions.ts'
import { addressOf } from './kernel/address.ts'
import type { App, Ctx } from './kernel/context.ts'
import { PortalError } from './kernel/errors.ts'
import { type HttpEnv, problem } from './kernel/http.ts'

/** Pages come from here only; the style attribute is for the numbers of charts and progress. */
const contentSecurityPolicy = {
  defaultSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  styleSrc: ["'self'", "'unsafe-inline'"],
  objectSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
}

export function createPortal(app: App): OpenAPIHono<HttpEnv> {
  const portal = new OpenAPIHono<HttpEnv>()
  portal.onError((error, c) => problem(c, error))

  portal.use(requestId())
  portal.use(secureHeaders({ contentSecurityPolicy, referrerPolicy: 'same-origin' }))
  portal.use(async (c, next) => {
    const address = addressOf(c.req.raw, app.config.trusted_proxies)
    const nobody: Ctx = { app, actor: { kind: 'anonymous' }, requestId: c.get('requestId') }
    c.set('ctx', { ...nobody, ...(address && { address }) })
    c.set('ctx', { ...c.get('ctx'), actor: await actorFromRequest(app, c.req.raw) })
    await next()
  })
  // Browsers name the origin of a form; programs with a token send JSON and none.
  portal.use(csrf({ origin: (origin) => origin === new URL(app.config.url).origin }))

  portal.get('/healthz', async (c) => {
    await app.db.$count(subscription)
    return c.json({ status: 'ok' })
  })
  portal.doc31('/api/openapi.json', {
    openapi: '3.1.0',
    info: { title: `${app.distribution.name} portal`, version: '1' },
  })
  portal.route('/api', createAccountsApi())
  portal.route('/', createAccountForms())
  portal.all('/api/*', (c) => problem(c, new PortalError('not-found')))
  return portal
}
