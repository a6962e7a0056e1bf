/**
 * How large a request's body may be. Without a limit anyone could fill the memory of the web program.
 * Uploads that go straight to disk have limits of their own.
 */
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { requireRole } from './access.ts'
import type { Ctx } from './context.ts'
import { PortalError } from './errors.ts'
import type { HttpEnv } from './http.ts'

const MIB = 1024 * 1024

/** Streamed to disk, never held in memory. */
const STREAMED = /^\/api\/(sources|builder\/tasks\/\d+\/outputs\/[^/]+)$/

function isPackager(ctx: Ctx): boolean {
  try {
    requireRole(ctx, 'packager', 'package')
    return true
  } catch {
    return false
  }
}

/** In MiB; undefined for what has a limit of its own. */
function limitOf(path: string, ctx: Ctx): number | undefined {
  if (STREAMED.test(path)) return undefined
  // A part of a log, or a result with thousands of packages.
  if (path.startsWith('/api/builder/')) return 16
  // A browser's form is read whole; larger source packages go through the API.
  if (path === '/builds/new' && isPackager(ctx)) return 128
  return 1
}

function limiter(mib: number): MiddlewareHandler<HttpEnv> {
  return bodyLimit({
    maxSize: mib * MIB,
    onError: () => {
      throw new PortalError('input.too-large', { params: { limit: `${mib} MiB` } })
    },
  })
}

/** @throws PortalError input.too-large before the body is read */
export function limitBodies(): MiddlewareHandler<HttpEnv> {
  return (c, next) => {
    const mib = limitOf(c.req.path, c.get('ctx'))
    return mib === undefined ? next() : limiter(mib)(c, next)
  }
}
