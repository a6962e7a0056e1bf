/**
 * What a personal token may ask, before any verb: each route that changes something names the scope that it takes.
 * Verbs check roles and scopes again; this holds for a verb that forgot.
 */
import type { Hono, MiddlewareHandler } from 'hono'
import type { Person } from './access.ts'
import type { Actor, Role, Scope } from './context.ts'
import { PortalError } from './errors.ts'
import { type HttpEnv, problem } from './http.ts'

/** `session`: no token, whatever its scopes. `own`: any token, about itself; the verb sees to that. */
export type Need = Scope | 'session' | 'own'

const isRead = (method: string) => ['GET', 'HEAD', 'OPTIONS'].includes(method)

/**
 * What a route needs of a token; undefined for one that nobody has declared, which then no token may use. Forms are
 * for browsers. What anybody may read needs nothing: a token without `read` reads as nobody does.
 */
export function needOf(
  declared: Readonly<Record<string, Need>>,
  method: string,
  path: string,
): Need | 'anyone' | undefined {
  const named = declared[`${method} ${path}`]
  if (named !== undefined) return named
  if (isRead(method)) return 'anyone'
  return path.startsWith('/api/') ? undefined : 'session'
}

/** The route that will answer, as it was written: /api/builds/:nvr. */
function routeAt(portal: Hono<HttpEnv>, method: string, path: string): string | undefined {
  const asked = method === 'HEAD' ? 'GET' : method
  const [found] = portal.router.match(asked, path)
  return found.map(([[, route]]) => route).find((route) => route.method === asked)?.path
}

/** The scope without which a token reads as if its person had not the role. */
const scopeOfRole: Readonly<Record<Role, Scope>> = {
  admin: 'admin',
  packager: 'package',
  member: 'read',
}

/** Pages show by roles what one may do: to a token no more than its scopes let it. */
function asReader(actor: Person): Actor {
  if (!actor.scopes.includes('read')) return { kind: 'anonymous' }
  return { ...actor, roles: actor.roles.filter((role) => actor.scopes.includes(scopeOfRole[role])) }
}

/** Goes behind the actor and in front of all routes. */
export function scopedTokens(
  portal: Hono<HttpEnv>,
  declared: Readonly<Record<string, Need>>,
): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const ctx = c.get('ctx')
    const { actor } = ctx
    if (actor.kind !== 'person' || actor.session_id !== undefined) return next()
    const { method, path } = c.req
    // The builders' protocol takes tokens of its own, and tells others so.
    if (path.startsWith('/api/builder/')) return next()
    const route = routeAt(portal, method, path)
    const need = needOf(declared, method, route ?? path)
    if (need === 'anyone') c.set('ctx', { ...ctx, actor: asReader(actor) })
    if (need === 'anyone' || need === 'own' || route === undefined) return next()
    if (need === undefined || need === 'session')
      return problem(c, new PortalError('account.session-needed'))
    if (!actor.scopes.includes(need))
      return problem(c, new PortalError('account.scope-missing', { params: { scope: need } }))
    return next()
  }
}
