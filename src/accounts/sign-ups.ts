/**
 * Becoming a person here. Whether a name or an address is taken is told only by mail to the address
 * that was typed: the page answers the same, and one letter goes out, in every case.
 */
import { and, isNull, lte } from 'drizzle-orm'
import { person } from '../../db/schema/accounts.ts'
import { audit } from '../kernel/audit.ts'
import type { Ctx } from '../kernel/context.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { transaction } from '../kernel/transaction.ts'
import { purgeLimits, takeTry } from './limits.ts'
import { UNVERIFIED_LIFE_MS } from './link.ts'
import { makeLink, purgeLinks, readLink, useLink } from './links.ts'
import { queueAccountMail } from './mails.ts'
import { hashPassword, isPassword, proveEmail, requireGoodPassword } from './passwords.ts'
import { emailFaults, emailKey, usernameFaults, usernameKey } from './person.ts'
import { pendingByEmail, personByEmail, personById } from './queries.ts'
import { purgeSessions } from './session.ts'

export interface SignUpInput {
  username: string
  email: string
  password: string
}

/** @throws PortalError input.invalid with the field and what to do about it */
export function checkSignUp(ctx: Ctx, input: SignUpInput): SignUpInput {
  const username = usernameKey(input.username)
  const email = emailKey(input.email)
  const [nameFault] = usernameFaults(username, ctx.app.distribution.id)
  if (nameFault) throw invalid('username', nameFault)
  const [emailFault] = emailFaults(email)
  if (emailFault) throw invalid('email', emailFault)
  requireGoodPassword(input.password, [username, email, email.split('@')[0] ?? ''])
  return { username, email, password: input.password }
}

/** Takes a name until it is verified or 7 days are over. @throws PortalError */
export async function signUp(ctx: Ctx, input: SignUpInput): Promise<void> {
  const { username, email, password } = checkSignUp(ctx, input)
  await takeTry(ctx, 'sign-up', email)
  const password_hash = await hashPassword(password)
  await transaction(ctx, async (tx) => {
    const owner = await personByEmail(tx, email)
    if (owner) {
      const { username: known } = owner
      return queueAccountMail(tx, ctx, { email, username: known }, 'email-taken', {})
    }
    const created_at = ctx.app.clock.now()
    const [row] = await tx
      .insert(person)
      .values({ username, email, password_hash, created_at })
      .onConflictDoNothing()
      .returning()
    if (!row) return queueAccountMail(tx, ctx, { email, username }, 'username-taken', {})
    const url = await makeLink(tx, ctx, 'verify', row.id)
    await audit(tx, ctx, {
      action: 'account.signed-up',
      subject: `person:${username}`,
      person_id: row.id,
    })
    await queueAccountMail(tx, ctx, row, 'verify', { url })
  })
}

/** Mails a new link, where the address has a sign-up that waits. The answer is the same if not. */
export async function resendVerification(ctx: Ctx, input: { email: string }): Promise<void> {
  const email = emailKey(input.email)
  await takeTry(ctx, 'mailed-link', email)
  const [row] = await pendingByEmail(ctx.app.db, email)
  if (!row) return
  await transaction(ctx, async (tx) => {
    const url = await makeLink(tx, ctx, 'verify', row.id)
    await queueAccountMail(tx, ctx, row, 'verify', { url })
  })
}

/**
 * Proves the address. The password is asked for once more: a link that someone else's sign-up sent here
 * must not give them an account with this address.
 * @returns the person's id, for a session to begin
 * @throws PortalError account.link-invalid, account.bad-credentials
 */
export async function verify(ctx: Ctx, input: { token: string; password: string }) {
  const { person_id } = await readLink(ctx, 'verify', input.token)
  await takeTry(ctx, 'prove', `verify:${person_id}`)
  const row = person_id === null ? undefined : await personById(ctx.app.db, person_id)
  if (!row) throw new PortalError('account.link-invalid')
  if (!(await isPassword(row, input.password)))
    throw new PortalError('account.bad-credentials', { field: 'password' })
  await transaction(ctx, async (tx) => {
    await useLink(tx, ctx, 'verify', input.token)
    await proveEmail(tx, ctx, row)
  })
  return row.id
}

/**
 * Gives names back that nobody verified in 7 days, and forgets links, sessions and limits that are over.
 * @returns how many sign-ups are gone
 */
export async function purgeUnverified(ctx: Ctx): Promise<number> {
  const now = ctx.app.clock.now()
  const gone = await transaction(ctx, async (tx) => {
    const removed = await tx
      .delete(person)
      .where(and(isNull(person.verified_at), lte(person.created_at, now - UNVERIFIED_LIFE_MS)))
      .returning({ id: person.id })
    await purgeLinks(tx, now)
    await purgeLimits(tx, now)
    return removed.length
  })
  await purgeSessions(ctx.app)
  return gone
}
