/** What stands before every route: whose forms are taken, and how large a body may be. */
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { csrf } from 'hono/csrf'
import type { Config } from './config.ts'
import { PortalError } from './errors.ts'
import { localPath, setFlash } from './forms.ts'
import { type HttpContext, type HttpEnv, problem } from './http.ts'
import { sayError } from './words.ts'

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]']

/** Origins that are this portal: its address, and on one's own machine the other names of that. */
export function isOwnOrigin(config: Pick<Config, 'url'>, origin: string): boolean {
  const own = new URL(config.url)
  if (origin === own.origin) return true
  if (!LOOPBACK.includes(own.hostname) || !URL.canParse(origin)) return false
  const { protocol, hostname, port } = new URL(origin)
  return protocol === own.protocol && port === own.port && LOOPBACK.includes(hostname)
}

/** Whether a request says who it is by a token: then its cookies say nothing. */
export const hasBearer = (authorization: string | null | undefined) =>
  /^Bearer(?:\s|$)/i.test(authorization ?? '')

/**
 * Browsers name the origin of a form. A request with a bearer token comes from a program: no browser adds one
 * by itself, as it does with Basic, so there is nothing to forge.
 */
export function formsFromHere(config: Config): MiddlewareHandler<HttpEnv> {
  const guard = csrf({ origin: (origin) => isOwnOrigin(config, origin) })
  return (c, next) => (hasBearer(c.req.header('Authorization')) ? next() : guard(c, next))
}

export const MAX_BODY_BYTES = 1024 * 1024

/** A browser's form is read whole into memory; a larger source package goes through the API. */
export const MAX_FORM_UPLOAD_BYTES = 128 * 1024 * 1024

/** Bodies that are files or logs; their routes have limits of their own. */
const LARGE = /^\/api\/(?:sources|builder\/tasks\/\d+\/(?:log|outputs\/[^/]+))$/

/** Whether the body is a file or a log, which its route takes as it comes. */
export const isLargeBody = (path: string) => LARGE.test(path)

/** Refuses JSON and forms past 1 MiB before they are read; only a packager's form may hold a file. */
export function boundedBodies(): MiddlewareHandler<HttpEnv> {
  const limit = limited(MAX_BODY_BYTES)
  const uploadLimit = limited(MAX_FORM_UPLOAD_BYTES)
  return (c, next) => {
    if (isLargeBody(c.req.path)) return next()
    const { actor } = c.get('ctx')
    const packager = actor.kind === 'person' && actor.roles.includes('packager')
    return (packager && c.req.path === '/builds/new' ? uploadLimit : limit)(c, next)
  }
}

const limited = (maxSize: number) =>
  bodyLimit({ maxSize, onError: (c) => refuseLarge(c, `${maxSize / 1024 / 1024} MiB`) })

/** A program reads a problem; a person comes back to the page that the form was on. */
function refuseLarge(c: HttpContext, limit: string): Response {
  const error = new PortalError('input.too-large', { params: { limit } })
  if (c.req.path.startsWith('/api/') || !c.req.header('Accept')?.includes('text/html'))
    return problem(c, error)
  const sentence = sayError(c.get('ctx').app.words.in('en'), error)
  setFlash(c, { kind: 'error', sentence })
  return c.redirect(backPath(c.req.header('Referer')), 303)
}

function backPath(referer: string | undefined): string {
  if (!referer || !URL.canParse(referer)) return '/'
  return localPath(new URL(referer).pathname, '/')
}
