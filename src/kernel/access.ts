/** Who may: roles of a person, narrowed by the scopes of the token that came. */
import type { Actor, Ctx, Role, Scope } from './context.ts'
import { PortalError } from './errors.ts'

export type Person = Extract<Actor, { kind: 'person' }>

/** @throws PortalError account.log-in-needed for anyone but a person who is logged in */
export function requirePerson(ctx: Ctx): Person {
  if (ctx.actor.kind !== 'person') throw new PortalError('account.log-in-needed')
  return ctx.actor
}

/**
 * The system (worker, CLI on the host) may do everything; an admin all that any role may.
 * @throws PortalError account.log-in-needed, account.forbidden, account.scope-missing
 */
export function requireRole(ctx: Ctx, role: Role, scope: Scope): void {
  if (ctx.actor.kind === 'system') return
  const person = requirePerson(ctx)
  if (!person.roles.includes(role) && !person.roles.includes('admin'))
    throw new PortalError('account.forbidden', { params: { role } })
  if (!person.scopes.includes(scope))
    throw new PortalError('account.scope-missing', { params: { scope } })
}
