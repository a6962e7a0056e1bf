/**
 * Forms without JavaScript: post, 303 back to a page, and a short-lived cookie that tells the page what
 * happened: a notice, or the sentence of an error with what was typed (never passwords).
 */
import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { cookieAttributes, cookieName } from './cookies.ts'
import type { PortalError } from './errors.ts'
import { type HttpContext, type HttpEnv, noteRefusal, toPortalError } from './http.ts'
import { sayError, sayReason, type Translate } from './words.ts'

const COOKIE = 'slipway_flash'
const MAX_COOKIE_CHARS = 3500

export interface Flash {
  kind: 'done' | 'error'
  sentence: string
  /** Input at fault. */
  field?: string
  /** What was typed, so that nobody types it twice. */
  values?: Record<string, string>
}

export type Form = Record<string, string>

/** Fields of a posted form as strings; files and repeated names are not for this. */
export async function readForm(c: HttpContext): Promise<Form> {
  const body = await c.req.parseBody()
  return Object.fromEntries(
    Object.entries(body).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

export function setFlash(c: Context<HttpEnv>, flash: Flash): void {
  const { config } = c.get('ctx').app
  const encode = (value: Flash) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const whole = encode(flash)
  const short = encode({ ...flash, sentence: flash.sentence.slice(0, 1000), values: {} })
  const value = whole.length > MAX_COOKIE_CHARS ? short : whole
  setCookie(c, cookieName(config, COOKIE), value, { ...cookieAttributes(config), maxAge: 60 })
}

/** The message for this page; clearFlash belongs to the same answer, so that it shows once. */
export function readFlash(c: Context<HttpEnv>): Flash | undefined {
  const raw = getCookie(c, cookieName(c.get('ctx').app.config, COOKIE))
  if (raw === undefined) return undefined
  try {
    return JSON.parse(Buffer.from(raw, 'base64url').toString()) as Flash
  } catch {
    return undefined
  }
}

export function clearFlash(c: Context<HttpEnv>): void {
  const { config } = c.get('ctx').app
  deleteCookie(c, cookieName(config, COOKIE), cookieAttributes(config))
}

export interface FormOutcome {
  /** Path to go to. */
  to: string
  /** Key of the sentence that says what was done. */
  done?: string
  params?: Record<string, string | number>
}

/** A path on this site: never another origin, whatever the form says. */
export function localPath(path: string | undefined, fallback: string): string {
  return path && /^\/(?![/\\])[^\r\n]*$/.test(path) ? path : fallback
}

/** Beside its field, the reason alone says what to do. */
function sayFormError(t: Translate, error: PortalError): string {
  const reasons = error.details.field === undefined ? [] : (error.details.reasons ?? [])
  return reasons.length > 0
    ? reasons.map((each) => sayReason(t, each)).join(' ')
    : sayError(t, error)
}

/**
 * A route that runs one verb for a form.
 * @param back page to return to when the verb refuses
 */
export function formRoute(
  back: string | ((c: Context<HttpEnv>) => string),
  work: (c: Context<HttpEnv>, form: Form) => Promise<FormOutcome>,
) {
  return async (c: Context<HttpEnv>) => {
    const ctx = c.get('ctx')
    const t = ctx.app.words.in(ctx.language ?? 'en')
    let form: Form = {}
    try {
      form = await readForm(c)
      const outcome = await work(c, form)
      if (outcome.done) setFlash(c, { kind: 'done', sentence: t(outcome.done, outcome.params) })
      return c.redirect(outcome.to, 303)
    } catch (failure) {
      const error = toPortalError(ctx, failure)
      noteRefusal(ctx, c, error)
      const values = Object.fromEntries(
        Object.entries(form).filter(([key]) => !/password|token|secret/i.test(key)),
      )
      setFlash(c, {
        kind: 'error',
        sentence: sayFormError(t, error),
        ...(error.details.field !== undefined && { field: error.details.field }),
        values,
      })
      return c.redirect(typeof back === 'string' ? back : back(c), 303)
    }
  }
}
