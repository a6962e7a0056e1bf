/** What only a browser session may do: a token that leaks must not be able to make itself at home. */
import { type Person, requirePerson } from '../kernel/access.ts'
import type { Ctx } from '../kernel/context.ts'
import { PortalError } from '../kernel/errors.ts'

/** @throws PortalError account.log-in-needed, account.session-needed */
export function requireSession(ctx: Ctx): Person & { session_id: string } {
  const { session_id, ...me } = requirePerson(ctx)
  if (session_id === undefined) throw new PortalError('account.session-needed')
  return { ...me, session_id }
}
