/** Who may do more: the first administrator by a one-time link, every other role by an administrator. */
import { and, eq } from 'drizzle-orm'
import { person, person_role } from '../../db/schema/accounts.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { actorName, type Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { takeTry } from './limits.ts'
import { makeLink, readLink, useLink } from './links.ts'
import { queueAccountMail } from './mails.ts'
import { hashPassword, proveEmail } from './passwords.ts'
import { type GrantedRole, usernameKey } from './person.ts'
import { countAdmins, grantedTo, type PersonRow, personByUsername } from './queries.ts'
import { checkSignUp, type SignUpInput } from './sign-ups.ts'

/**
 * A link by which one person becomes the first administrator; earlier ones end. For the operator only:
 * it is printed, never mailed.
 * @returns null when there is an administrator already
 */
export async function makeFirstAdminLink(ctx: Ctx): Promise<string | null> {
  if (ctx.actor.kind !== 'system') throw new PortalError('account.forbidden')
  return transaction(ctx, async (tx) => {
    if ((await countAdmins(tx)) > 0) return null
    return makeLink(tx, ctx, 'first-admin', null)
  })
}

/** Whether the link still makes an administrator. @throws PortalError account.link-invalid */
export async function checkFirstAdminLink(ctx: Ctx, token: string): Promise<void> {
  await readLink(ctx, 'first-admin', token)
  if ((await countAdmins(ctx.app.db)) > 0) throw new PortalError('account.link-invalid')
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
    if ((await countAdmins(tx)) > 0) throw new PortalError('account.link-invalid')
    const created_at = ctx.app.clock.now()
    const [row] = await tx
      .insert(person)
      .values({ username, email, password_hash, created_at })
      .onConflictDoNothing()
      .returning()
    if (!row) throw invalid('username', reason('username.taken'))
    await proveEmail(tx, ctx, row)
    for (const role of ['admin', 'packager'] as const) await addRole(tx, ctx, row.id, role)
    await audit(tx, ctx, {
      action: 'account.first-admin',
      subject: `person:${username}`,
      person_id: row.id,
    })
    return row.id
  })
}

/** @returns false when the person had it already */
async function addRole(tx: Tx, ctx: Ctx, person_id: number, role: GrantedRole): Promise<boolean> {
  const granted_by = actorName(ctx.actor)
  const added = await tx
    .insert(person_role)
    .values({ person_id, role, granted_by, granted_at: ctx.app.clock.now() })
    .onConflictDoNothing()
    .returning()
  return added.length === 1
}

export interface RoleChange {
  username: string
  role: GrantedRole
  /** Why; it stays on record. */
  reason: string
}

const REASON_MAX_CHARS = 1000

function requireReason({ reason: why }: RoleChange): void {
  if (why.trim() === '' || why.length > REASON_MAX_CHARS)
    throw invalid('reason', reason('role.reason', { max: REASON_MAX_CHARS }))
}

async function verifiedPerson(tx: Tx, username: string): Promise<PersonRow> {
  const row = await personByUsername(tx, usernameKey(username))
  if (!row || row.verified_at === null) throw new PortalError('not-found', { field: 'username' })
  return row
}

async function record(tx: Tx, ctx: Ctx, row: PersonRow, change: RoleChange, done: string) {
  await audit(tx, ctx, {
    action: `account.${done}`,
    subject: `person:${row.username}`,
    reason: change.reason,
    details: { role: change.role },
    person_id: row.id,
  })
}

/** An administrator gives a role. @throws PortalError account.forbidden, not-found */
export async function grantRole(ctx: Ctx, change: RoleChange): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  requireReason(change)
  await transaction(ctx, async (tx) => {
    const row = await verifiedPerson(tx, change.username)
    if (!(await addRole(tx, ctx, row.id, change.role))) return
    await record(tx, ctx, row, change, 'role-granted')
    const { role, reason: why } = change
    await queueAccountMail(tx, ctx, row, 'role-granted', { role, reason: why })
  })
}

/** An administrator takes a role; the last administrator stays. @throws PortalError */
export async function revokeRole(ctx: Ctx, change: RoleChange): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  requireReason(change)
  await transaction(ctx, async (tx) => {
    const row = await verifiedPerson(tx, change.username)
    if (!(await grantedTo(tx, row.id)).includes(change.role)) return
    if (change.role === 'admin' && (await countAdmins(tx)) === 1)
      throw invalid('role', reason('role.last-admin'))
    const held = and(eq(person_role.person_id, row.id), eq(person_role.role, change.role))
    await tx.delete(person_role).where(held)
    await record(tx, ctx, row, change, 'role-revoked')
    const { role, reason: why } = change
    await queueAccountMail(tx, ctx, row, 'role-revoked', { role, reason: why })
  })
}
