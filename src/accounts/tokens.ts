/** Personal API tokens: made and shown once, kept as a digest, listed and revoked. */
import { and, eq, isNull, lte, or } from 'drizzle-orm'
import { api_token } from '../../db/schema/accounts.ts'
import { requirePerson } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import type { Actor, App, Ctx, Scope } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { newToken } from '../kernel/random.ts'
import { transaction } from '../kernel/transaction.ts'
import { requireSession } from './access.ts'
import { rolesByGroups } from './group-queries.ts'
import { secretHash } from './link.ts'
import { allScopes, cleanDisplayName, rolesOf } from './person.ts'
import { tokenByHash, tokensOf } from './queries.ts'
import {
  TOKEN_NAME_MAX_CHARS,
  TOKEN_PREFIX,
  tokenEnd,
  tokenFault,
  USE_NOTED_EVERY_MS,
} from './token.ts'

export interface TokenView {
  id: number
  name: string
  scopes: Scope[]
  created_at: number
  last_used_at: number | null
  /** Null: without end. */
  expires_at: number | null
}

export interface TokenInput {
  name: string
  scopes: Scope[]
  /** 0: without end. */
  life_days: number
}

function view(row: typeof api_token.$inferSelect): TokenView {
  const { person_id: _, token_hash: __, ...rest } = row
  return rest
}

/**
 * Only from a browser session, not with another token.
 * @returns the token itself, which nobody can show a second time
 * @throws PortalError account.session-needed, input.invalid
 */
export async function createToken(ctx: Ctx, input: TokenInput) {
  const me = requireSession(ctx)
  const { app } = ctx
  const now = app.clock.now()
  const name = cleanDisplayName(input.name).slice(0, TOKEN_NAME_MAX_CHARS)
  const scopes = allScopes.filter((scope) => input.scopes.includes(scope))
  const token = newToken(app.random, TOKEN_PREFIX)
  return transaction(ctx, async (tx) => {
    const fault = tokenFault(name, scopes, (await tokensOf(tx, me.id)).length)
    if (fault) throw invalid(fault.field, fault.reason)
    const [row] = await tx
      .insert(api_token)
      .values({
        person_id: me.id,
        name,
        token_hash: secretHash(token),
        scopes,
        created_at: now,
        expires_at: tokenEnd(input.life_days, now),
      })
      .returning()
    if (!row) throw new PortalError('internal')
    const subject = `person:${me.username}`
    await audit(tx, ctx, { action: 'account.token-made', subject, details: { name, scopes } })
    return { token, ...view(row) }
  })
}

/** One's own tokens, newest first, those that are over included. */
export async function listTokens(ctx: Ctx): Promise<TokenView[]> {
  const rows = await tokensOf(ctx.app.db, requirePerson(ctx).id)
  return rows.map(view)
}

/**
 * Revokes one of one's own tokens at once. A token may revoke itself and no other.
 * @throws PortalError not-found, account.session-needed
 */
export async function revokeToken(ctx: Ctx, id: number): Promise<void> {
  const me = requirePerson(ctx)
  if (me.token_id !== id) requireSession(ctx)
  await transaction(ctx, async (tx) => {
    const mine = and(eq(api_token.id, id), eq(api_token.person_id, me.id))
    const [gone] = await tx.delete(api_token).where(mine).returning()
    if (!gone) throw new PortalError('not-found')
    const subject = `person:${me.username}`
    const details = { name: gone.name }
    await audit(tx, ctx, { action: 'account.token-revoked', subject, details })
  })
}

/** Ends every token of a person, whose password was perhaps known to another who made one. @returns how many */
export async function endTokens(tx: Tx, person_id: number): Promise<number> {
  const gone = await tx.delete(api_token).where(eq(api_token.person_id, person_id)).returning()
  return gone.length
}

/** @throws PortalError account.token-invalid */
export async function actorOfToken(app: App, token: string): Promise<Actor> {
  const now = app.clock.now()
  const found = await tokenByHash(app.db, secretHash(token))
  const over = found && found.token.expires_at !== null && found.token.expires_at <= now
  if (!found || over) throw new PortalError('account.token-invalid')
  await noteUse(app, found.token, now)
  const { id, username } = found.person
  const roles = rolesOf(await rolesByGroups(app.db, id))
  return {
    kind: 'person',
    id,
    username,
    roles,
    scopes: found.token.scopes,
    token_id: found.token.id,
  }
}

async function noteUse(app: App, row: typeof api_token.$inferSelect, now: number): Promise<void> {
  const noted = now - USE_NOTED_EVERY_MS
  if (row.last_used_at !== null && row.last_used_at > noted) return
  const stale = or(isNull(api_token.last_used_at), lte(api_token.last_used_at, noted))
  await transaction({ app }, (tx) =>
    tx
      .update(api_token)
      .set({ last_used_at: now })
      .where(and(eq(api_token.id, row.id), stale)),
  )
}
