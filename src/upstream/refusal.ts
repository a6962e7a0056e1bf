/** How an import says what it could not read. */
import { invalid, type PortalError } from '../kernel/errors.ts'
import { reason } from '../kernel/reason.ts'

/** @param message the rest of "It can't be read: …" */
export const refuse = (message: string): PortalError =>
  invalid('source', reason('upstream.unreadable', { message }))
