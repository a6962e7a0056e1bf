/** Passwords made, checked, changed and reset. They are kept as argon2id and go into no log, audit or mail. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hash, verify } from '@node-rs/argon2'
import { and, eq, isNull, ne } from 'drizzle-orm'
import { person, session } from '../../db/schema/accounts.ts'
import { audit } from '../kernel/audit.ts'
import type { Ctx } from '../kernel/context.ts'
import { isUniqueViolation, type Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { root } from '../kernel/paths.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { requireSession } from './access.ts'
import { takeTry } from './limits.ts'
import { endLinks, makeLink, readLink, useLink } from './links.ts'
import { queueAccountMail } from './mails.ts'
import { normalPassword, PASSWORD_MAX_CHARS, passwordFaults } from './password.ts'
import { emailKey } from './person.ts'
import { type PersonRow, pendingByEmail, personByEmail, personById } from './queries.ts'
import { endTokens } from './tokens.ts'

/** OWASP Password Storage, argon2id: 19 MiB, two passes, one lane. */
const argon2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

let commonPasswords: Set<string> | undefined

/** content/common-passwords.txt, read at the first sign-up. */
function common(): Set<string> {
  commonPasswords ??= new Set(
    readFileSync(join(root, 'content', 'common-passwords.txt'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('# ')),
  )
  return commonPasswords
}

/** @throws PortalError input.invalid in `field`, with the reason */
export function requireGoodPassword(password: string, known: string[], field = 'password'): void {
  const [fault] = passwordFaults(password, { common: common(), known })
  if (fault) throw invalid(field, fault)
}

export function hashPassword(password: string): Promise<string> {
  return hash(normalPassword(password), argon2)
}

let nobody: Promise<string> | undefined

/** Checks a password; for nobody (undefined) it takes the same time and is never right. */
export async function isPassword(someone: PersonRow | undefined, password: string) {
  if (password.length > 4 * PASSWORD_MAX_CHARS) return false
  nobody ??= hashPassword('a password that is compared with, and never right')
  const right = await verify(someone?.password_hash ?? (await nobody), normalPassword(password))
  return right && someone !== undefined
}

/** Whoever knew the old password is out: every session but `keep`. */
async function endSessions(tx: Tx, person_id: number, keep?: string): Promise<void> {
  const others = keep === undefined ? undefined : ne(session.id, keep)
  await tx.delete(session).where(and(eq(session.person_id, person_id), others))
}

export interface PasswordChange {
  current: string
  password: string
}

/** Changes one's own password; other sessions and all tokens end. @throws PortalError */
export async function changePassword(ctx: Ctx, input: PasswordChange): Promise<void> {
  const me = requireSession(ctx)
  await takeTry(ctx, 'prove', `password:${me.id}`)
  const row = await personById(ctx.app.db, me.id)
  if (!row || !(await isPassword(row, input.current)))
    throw invalid('current', reason('password.wrong'))
  requireGoodPassword(input.password, [row.username, row.email])
  const password_hash = await hashPassword(input.password)
  await transaction(ctx, async (tx) => {
    await tx.update(person).set({ password_hash }).where(eq(person.id, me.id))
    await endSessions(tx, me.id, me.session_id)
    const tokens_ended = await endTokens(tx, me.id)
    await endLinks(tx, ctx, 'reset', me.id)
    await audit(tx, ctx, {
      action: 'account.password-changed',
      subject: `person:${row.username}`,
      details: { tokens_ended },
    })
    await queueAccountMail(tx, ctx, row, 'password-changed', {})
  })
}

/** Mails a link to set a new password, where someone has the address. The answer is the same if not. */
export async function requestReset(ctx: Ctx, input: { email: string }): Promise<void> {
  const email = emailKey(input.email)
  await takeTry(ctx, 'mailed-link', email)
  const verified = await personByEmail(ctx.app.db, email)
  const [pending] = verified ? [] : await pendingByEmail(ctx.app.db, email)
  const row = verified ?? pending
  if (!row) return
  await transaction(ctx, async (tx) => {
    const url = await makeLink(tx, ctx, 'reset', row.id)
    await queueAccountMail(tx, ctx, row, 'reset', { url })
  })
}

/**
 * Sets a new password by a mailed link. It proves the address, too, so that an account that was never
 * verified is so now; and every session and token ends.
 * @returns the person's id
 * @throws PortalError account.link-invalid, input.invalid
 */
export async function resetPassword(ctx: Ctx, input: { token: string; password: string }) {
  const { person_id } = await readLink(ctx, 'reset', input.token)
  const row = person_id === null ? undefined : await personById(ctx.app.db, person_id)
  if (!row) throw new PortalError('account.link-invalid')
  requireGoodPassword(input.password, [row.username, row.email])
  const password_hash = await hashPassword(input.password)
  await transaction(ctx, async (tx) => {
    await useLink(tx, ctx, 'reset', input.token)
    await tx.update(person).set({ password_hash }).where(eq(person.id, row.id))
    await proveEmail(tx, ctx, row)
    await endSessions(tx, row.id)
    const tokens_ended = await endTokens(tx, row.id)
    const { id: owner, username } = row
    await audit(tx, ctx, {
      action: 'account.password-reset',
      subject: `person:${username}`,
      person_id: owner,
      details: { tokens_ended },
    })
    await queueAccountMail(tx, ctx, row, 'password-changed', {})
  })
  return row.id
}

/**
 * The address is this person's from now on.
 * @throws PortalError account.link-invalid when someone else proved the same address first
 */
export async function proveEmail(tx: Tx, ctx: Ctx, row: PersonRow): Promise<void> {
  if (row.verified_at !== null) return
  try {
    await tx
      .update(person)
      .set({ verified_at: ctx.app.clock.now(), email_key: emailKey(row.email) })
      .where(and(eq(person.id, row.id), isNull(person.verified_at)))
  } catch (error) {
    if (isUniqueViolation(error)) throw new PortalError('account.link-invalid')
    throw error
  }
  await endLinks(tx, ctx, 'verify', row.id)
  const { id: person_id, username } = row
  await audit(tx, ctx, { action: 'account.verified', subject: `person:${username}`, person_id })
}
