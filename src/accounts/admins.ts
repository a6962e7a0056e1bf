/** Who may do more: the first administrator by a one-time link, every other role by an administrator. */
import { person } from '../../db/schema/accounts.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { countMembers, groupOfRole } from './group-queries.ts'
import { takeTry } from './limits.ts'
import { makeLink, readLink, useLink } from './links.ts'
import { addMember, enter, removeMember } from './memberships.ts'
import { hashPassword, proveEmail } from './passwords.ts'
import { type GrantedRole, grantedRoles } from './person.ts'
import { checkSignUp, type SignUpInput } from './sign-ups.ts'

const administrators = async (db: Reader) => countMembers(db, (await groupOfRole(db, 'admin')).id)

/**
 * A link by which one person becomes the first administrator; earlier ones end. For the operator only:
 * it is printed, never mailed.
 * @returns null when there is an administrator already
 */
export async function makeFirstAdminLink(ctx: Ctx): Promise<string | null> {
  if (ctx.actor.kind !== 'system') throw new PortalError('account.forbidden')
  return transaction(ctx, async (tx) => {
    if ((await administrators(tx)) > 0) return null
    return makeLink(tx, ctx, 'first-admin', null)
  })
}

/** Whether the link still makes an administrator. @throws PortalError account.link-invalid */
export async function checkFirstAdminLink(ctx: Ctx, token: string): Promise<void> {
  await readLink(ctx, 'first-admin', token)
  if ((await administrators(ctx.app.db)) > 0) throw new PortalError('account.link-invalid')
}

/**
 * Makes the account of the first administrator. The link proves more than an address does, so that
 * no mail is needed; and a taken name is said so, since whoever has the link runs the place.
 * @returns the person's id, for a session to begin
 */
export async function claimFirstAdmin(ctx: Ctx, input: SignUpInput & { token: string }) {
  await takeTry(ctx, 'prove', 'first-admin')
  await checkFirstAdminLink(ctx, input.token)
  const { username, email, password } = checkSignUp(ctx, input)
  const password_hash = await hashPassword(password)
  return transaction(ctx, async (tx) => {
    await useLink(tx, ctx, 'first-admin', input.token)
    if ((await administrators(tx)) > 0) throw new PortalError('account.link-invalid')
    const created_at = ctx.app.clock.now()
    const [row] = await tx
      .insert(person)
      .values({ username, email, password_hash, created_at })
      .onConflictDoNothing()
      .returning()
    if (!row) throw invalid('username', reason('username.taken'))
    await proveEmail(tx, ctx, row)
    for (const role of grantedRoles) {
      const entry = { why: '', by: 'system:link' }
      await enter(tx, ctx, await groupOfRole(tx, role), row, entry)
    }
    await audit(tx, ctx, {
      action: 'account.first-admin',
      subject: `person:${username}`,
      person_id: row.id,
    })
    return row.id
  })
}

export interface RoleChange {
  username: string
  role: GrantedRole
  /** Why; it stays on record. */
  reason: string
}

/** An administrator gives a role, which is to let somebody into its group. @throws PortalError as addMember */
export async function grantRole(ctx: Ctx, change: RoleChange): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  const { name } = await groupOfRole(ctx.app.db, change.role)
  await addMember(ctx, { ...change, group: name }).catch(unlessCode('group.member-already'))
}

/** An administrator takes a role; the last administrator stays. @throws PortalError as removeMember */
export async function revokeRole(ctx: Ctx, change: RoleChange): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  const { name } = await groupOfRole(ctx.app.db, change.role)
  await removeMember(ctx, { ...change, group: name }).catch(unlessCode('group.not-member'))
}

/** To put what is so already is no failure. */
const unlessCode = (code: string) => (error: unknown) => {
  const is = error instanceof PortalError && error.details.reasons?.some((r) => r.code === code)
  if (!is) throw error
}
