/**
 * What can't be read is refused before a route sees it, in one place and with the input named: addresses that
 * decode to nothing, bodies that are not what they say, and text that not every database can keep.
 */
import type { MiddlewareHandler } from 'hono'
import { PortalError } from './errors.ts'
import { isLargeBody } from './guards.ts'
import type { HttpContext, HttpEnv } from './http.ts'
import { reason } from './reason.ts'

/** JSON deeper than this no route of ours asks for. */
const MAX_DEPTH = 64

/** Longer than any file system has names (ext4, XFS: 255 bytes); nothing of ours has a longer one. */
const MAX_NAME_BYTES = 255

/** PostgreSQL keeps no NUL, and no half of a surrogate pair in JSON; SQLite would. */
const isText = (value: string) => !value.includes('\0') && value.isWellFormed()

const badText = (field: string) => new PortalError('input.text', { field, params: { field } })

const unreadable = (field: 'address' | 'body', code: string, params = {}) =>
  new PortalError('input.unreadable', { field, reasons: [reason(code, params)] })

/** Astro decodes an address until nothing is left to decode; what comes to a page so must be text, too. */
function hidesNul(path: string): boolean {
  return /%(?:25)*00/.test(path)
}

/** @throws PortalError input.unreadable, input.text, not-found */
function checkAddress(c: HttpContext): void {
  const { pathname, searchParams } = new URL(c.req.url)
  let path: string
  try {
    path = decodeURIComponent(pathname)
  } catch {
    throw unreadable('address', 'request.address')
  }
  if (!isText(path) || hidesNul(path)) throw badText('address')
  if (path.split('/').some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES))
    throw new PortalError('not-found')
  for (const [name, value] of searchParams) {
    if (!isText(name)) throw badText('address')
    if (!isText(value)) throw badText(name)
  }
}

interface Place {
  name: string
  depth: number
  above?: Place
}

function pathOf(place: Place | undefined): string {
  const names: string[] = []
  for (let each = place; each; each = each.above) names.unshift(each.name)
  return names.join('.') || 'body'
}

/**
 * Walks a value without recursion, since a stranger chose its depth.
 * @throws PortalError input.unreadable when it is too deep, input.text with the path of the text at fault
 */
export function checkTexts(value: unknown): void {
  const waiting: { value: unknown; place?: Place }[] = [{ value }]
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { value: each, place } = next
    const depth = (place?.depth ?? 0) + 1
    if (depth > MAX_DEPTH) throw unreadable('body', 'request.depth', { max: MAX_DEPTH })
    if (typeof each === 'string' && !isText(each)) throw badText(pathOf(place))
    if (typeof each !== 'object' || each === null || each instanceof Blob) continue
    for (const [name, inner] of Object.entries(each)) {
      if (!isText(name)) throw badText(pathOf(place))
      waiting.push({ value: inner, place: { name, depth, ...(place && { above: place }) } })
    }
  }
}

/** What the body says it is, where that is something to be read whole. Hono keeps it for the route. */
async function readBody(c: HttpContext): Promise<unknown> {
  const type = c.req.header('Content-Type') ?? ''
  const json = /^application\/(?:[\w.-]+\+)?json\b/i.test(type)
  const form = /^(?:multipart\/form-data|application\/x-www-form-urlencoded)\b/i.test(type)
  if (!c.req.raw.body || !(json || form)) return undefined
  try {
    return json ? await c.req.json() : await c.req.parseBody()
  } catch {
    throw unreadable('body', json ? 'request.json' : 'request.form')
  }
}

/** Goes behind the limit of bodies, in front of all routes. */
export function readableRequests(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    checkAddress(c)
    const hasBody = c.req.method !== 'GET' && c.req.method !== 'HEAD'
    // Files and logs are taken as they come, by routes that bound them.
    if (hasBody && !isLargeBody(c.req.path)) checkTexts(await readBody(c))
    await next()
  }
}
