/** Why a task ends without a result. */
import { type Reason, reason } from '../kernel/reason.ts'

/** The build itself failed: the reason goes to the portal and the person who asked for it. */
export class BuildFailure extends Error {
  readonly reason: Reason
  constructor(code: string, params: Reason['params'] = {}) {
    super(code)
    this.reason = reason(code, params)
  }
}

/**
 * The builder cannot do its part: its disk, its memory, its tools. The build is not to blame, so the task is
 * given back.
 */
export class BuilderFault extends Error {
  readonly reason: Reason
  constructor(code: string, params: Reason['params'] = {}) {
    super(code)
    this.reason = reason(code, params)
  }
}

/** The lease is gone or the builder stops: the work is dropped and nothing is reported. */
export class Dropped extends Error {}
