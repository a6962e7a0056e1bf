/**
 * What every API route shares: the typed Hono app, validation faults as problems that name the field,
 * problem JSON (RFC 9457), cursor pages and conditional answers.
 */
import { createHash } from 'node:crypto'
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { type App, actorName, type Ctx } from './context.ts'
import { busy, isDatabaseBusy, isNulRefusal } from './db.ts'
import { PortalError } from './errors.ts'
import { reasonJson, sayError } from './words.ts'

export interface HttpEnv {
  Variables: { ctx: Ctx; language: string }
}

export type HttpContext = Context<HttpEnv>

/** A sub-app for a room's api.ts. Bad input never reaches a verb: it is answered with the field named. */
export function createApi(): OpenAPIHono<HttpEnv> {
  return new OpenAPIHono<HttpEnv>({
    defaultHook: (result) => {
      if (!result.success) throw fromZod(result.error)
    },
  })
}

/** The first fault of a zod error as a PortalError that names the field. */
export function fromZod(error: z.core.$ZodError): PortalError {
  const [issue] = error.issues
  const field = issue?.path.join('.') ?? ''
  return new PortalError('input.invalid', {
    field,
    reasons: [{ code: 'input.fault', params: { message: issue?.message ?? '' } }],
  })
}

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    field: z.string().optional(),
    oldest: z.int().optional(),
    reasons: z.array(z.object({ code: z.string(), sentence: z.string() })).optional(),
  })
  .openapi('Problem')

/** The `responses` entry that every route may answer with. */
export const problemResponse = {
  default: {
    description: 'The request was refused: problem JSON (RFC 9457).',
    content: { 'application/problem+json': { schema: problemSchema } },
  },
} as const

/** The `responses` of a route that answers with 200. @param description what comes, as a sentence */
export const answers = (description: string) => ({ 200: { description }, ...problemResponse })

/** A request whose body is JSON of this schema. */
export const jsonBody = <T extends z.ZodType>(schema: T) => ({
  body: { required: true, content: { 'application/json': { schema } } },
})

/** Any failure as an error with a code; what we did not foresee is `internal` and is logged, once. */
export function toPortalError(ctx: Ctx | undefined, error: unknown): PortalError {
  if (error instanceof PortalError) return error
  if (error instanceof HTTPException && error.status === 403)
    return new PortalError('request.origin')
  if (error instanceof HTTPException && error.status < 500)
    return new PortalError('input.malformed', { params: { message: error.message } })
  if (isNulRefusal(error)) return new PortalError('input.text', { params: { field: 'body' } })
  if (isDatabaseBusy(error)) {
    ctx?.app.log.warn({ err: error, request_id: ctx.requestId }, 'the database had no time')
    return busy()
  }
  ctx?.app.log.error({ err: error, request_id: ctx.requestId }, 'unforeseen error')
  return new PortalError('internal', { params: { request_id: ctx?.requestId ?? '' } })
}

export function problem(c: HttpContext, failure: unknown): Response {
  const ctx = c.get('ctx')
  const error = toPortalError(ctx, failure)
  noteRefusal(ctx, c, error)
  const { body, headers } = problemOf(ctx.app, error)
  return c.json(body, error.status as ContentfulStatusCode, headers)
}

/** Who tried what they may not: for those who look for a pattern in it. */
export function noteRefusal(ctx: Ctx, c: HttpContext, error: PortalError): void {
  if (error.status !== 401 && error.status !== 403) return
  const who = { actor: actorName(ctx.actor), address: ctx.address, request_id: ctx.requestId }
  ctx.app.log.info({ ...who, code: error.code, method: c.req.method, path: c.req.path }, 'refused')
}

/** A refusal as RFC 9457 has it. */
export function problemOf({ config, words }: Pick<App, 'config' | 'words'>, error: PortalError) {
  const t = words.in('en')
  const body: z.infer<typeof problemSchema> = {
    type: `${config.url}/docs/api/errors#${error.code}`,
    title: t(`error.${error.code}`, { field: error.details.field ?? '', ...error.details.params }),
    status: error.status,
    detail: sayError(t, error),
    code: error.code,
    ...(error.details.field !== undefined && { field: error.details.field }),
    ...(error.details.oldest !== undefined && { oldest: error.details.oldest }),
    ...(error.details.reasons && {
      reasons: error.details.reasons.map((each) => reasonJson(t, each)),
    }),
  }
  const headers: Record<string, string> = {
    'Content-Type': 'application/problem+json',
    ...retryAfter(error),
    ...allowed(error),
  }
  return { body, headers }
}

/** What the address takes instead (RFC 9110, 15.5.6). */
function allowed(error: PortalError): Record<string, string> {
  const methods = error.code === 'request.method' ? error.details.params?.allowed : undefined
  return methods === undefined ? {} : { Allow: String(methods) }
}

/** When to come back, for those who asked too often or at a bad moment (RFC 9110, 10.2.3). */
function retryAfter(error: PortalError): Record<string, string> {
  const { wait_s } = error.details.params ?? {}
  return [429, 503].includes(error.status) && wait_s !== undefined
    ? { 'Retry-After': String(wait_s) }
    : {}
}

/** Query of every list: where to go on and how much. */
export const pageQuery = z.object({
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(50),
})

/** A cursor is the sort key of the last row, opaque to clients. */
export function encodeCursor(key: number | string): string {
  return Buffer.from(String(key)).toString('base64url')
}

/** @throws PortalError input.cursor when it is none of ours */
export function decodeCursor(cursor: string | undefined): number | undefined {
  if (cursor === undefined || cursor === '') return undefined
  const text = Buffer.from(cursor, 'base64url').toString()
  const key = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(key))
    throw new PortalError('input.cursor', { field: 'cursor' })
  return key
}

/**
 * JSON with an ETag of its content; 304 where the client has it already.
 * `fields=a,b` keeps only these keys of the object, or of each entry of its `items`.
 */
export function jsonWithEtag(c: HttpContext, body: object, modified_at?: number): Response {
  const text = JSON.stringify(selectFields(body, c.req.query('fields')))
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 27)}"`
  const headers: Record<string, string> = { ETag: etag, 'Cache-Control': 'no-cache' }
  if (modified_at !== undefined) headers['Last-Modified'] = new Date(modified_at).toUTCString()
  const known = c.req.header('If-None-Match')?.split(',')
  if (known?.some((each) => each.trim().replace(/^W\//, '') === etag))
    return c.body(null, 304, headers)
  return c.body(text, 200, { ...headers, 'Content-Type': 'application/json; charset=utf-8' })
}

function selectFields(body: object, fields: string | undefined): object {
  if (fields === undefined || fields === '') return body
  const wanted = new Set(fields.split(','))
  const pick = (row: object) =>
    Object.fromEntries(Object.entries(row).filter(([key]) => wanted.has(key)))
  if ('items' in body && Array.isArray(body.items))
    return { ...body, items: body.items.map((row: object) => pick(row)) }
  return pick(body)
}
