/**
 * The registry of what can go wrong: code -> HTTP status. The sentence of a code is `error.<code>` in
 * content/i18n. Verbs throw PortalError; the boundary (kernel/http.ts, pages) turns it into an answer.
 */
import type { Reason } from './reason.ts'

export const errorStatus = {
  'input.invalid': 422,
  'input.malformed': 400,
  'input.unreadable': 400,
  'input.text': 400,
  'input.too-large': 413,
  'input.cursor': 400,
  'request.origin': 403,
  'request.method': 405,
  'request.slow': 408,
  'not-found': 404,
  internal: 500,
  'rate.limited': 429,
  'database.busy': 503,
  'events.gone': 410,
  'events.too-many-here': 429,
  'events.full': 503,

  'account.log-in-needed': 401,
  'account.bad-credentials': 401,
  'account.forbidden': 403,
  'account.scope-missing': 403,
  'account.token-invalid': 401,
  'account.link-invalid': 410,
  'account.unverified': 403,
  'account.session-needed': 403,

  'group.not-sponsor': 403,
  'group.refused': 409,

  'task.lease-lost': 409,
  'task.not-cancelable': 409,
  'task.log-gap': 409,
  'task.output-mismatch': 422,
  'task.not-sent': 422,
  'builder.token-invalid': 401,

  'upload.quota': 413,
  'build.nvr-exists': 409,
  'build.source-refused': 422,
  'build.not-complete': 409,
  'build.refused': 409,
  'package.unknown': 404,
  'package.not-owner': 403,
  'package.refused': 409,
  'target.unknown': 404,
  'tag.unknown': 404,
  'tag.locked': 409,

  'update.refused': 409,
  'update.locked': 409,
  'update.not-votable': 409,
  'update.not-held': 409,
  'update.own-approval': 403,
  'update.own-vote': 403,
  'update.build-taken': 409,

  'push.published': 409,
  'push.over': 409,
  'push.not-in': 409,

  'repository.unknown': 404,

  'release.refused': 409,

  'mirror.name-taken': 409,
  'mirror.not-admin': 403,
  'mirror.refused': 409,

  'compose.refused': 409,
} as const

export type ErrorCode = keyof typeof errorStatus

export interface ErrorDetails {
  /** Name of the input at fault. */
  field?: string
  /** Why a rule refused, each with its own sentence. */
  reasons?: Reason[]
  /** Number of the oldest event that is still kept. */
  oldest?: number
  /** What fills the sentence. */
  params?: Record<string, string | number>
}

/** A refusal that the person who asked may read. */
export class PortalError extends Error {
  override name = 'PortalError'
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    super(code)
    this.code = code
    this.details = details
  }

  get status(): number {
    return errorStatus[this.code]
  }
}

/** Bad input in one field; `reason` is the part of the sentence that says what to do. */
export function invalid(field: string, reason: Reason): PortalError {
  return new PortalError('input.invalid', { field, reasons: [reason], params: { field } })
}
