/** An address that is there, asked by a method that it does not take: 405 with those that it takes. */
import type { Hono, MiddlewareHandler } from 'hono'
import { PortalError } from './errors.ts'
import type { HttpEnv } from './http.ts'

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** What is answered to pages and files, which no route of ours is for. */
const READS = ['GET', 'HEAD'] as const

/** Methods that routes take at a path; what stands before every route is for all methods and counts for none. */
function methodsAt(portal: Hono<HttpEnv>, path: string): string[] {
  return METHODS.filter((method) => {
    const [found] = portal.router.match(method, path)
    return found.some(([[, route]]) => route.method === method)
  })
}

/** Goes behind all routes: whoever comes here was taken by none. */
export function refuseOtherMethods(portal: Hono<HttpEnv>): MiddlewareHandler<HttpEnv> {
  return (c, next) => {
    const { method, path } = c.req
    const known = methodsAt(portal, path)
    const taken = known.includes('GET') ? [...known, 'HEAD'] : known
    const api = path.startsWith('/api/')
    // A page may stand where a form posts to: then it is read, too.
    const allowed = api ? taken : [...new Set([...READS, ...taken])]
    const isAllowed = allowed.some((each) => each === method)
    if (isAllowed || (api && taken.length === 0)) return next()
    throw new PortalError('request.method', {
      params: { method: method.slice(0, 20), allowed: allowed.join(', ') },
    })
  }
}
