/** Personal API tokens: made and shown once, kept as a digest, listed and revoked. */
import { and, eq, inArray, isNull, lte, or, sql } from 'drizzle-orm'
import { api_token, group_member, people_group, person } from '../../db/schema/accounts.ts'
import { requirePerson } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { chunks } from '../kernel/chunks.ts'
import type { Actor, App, Ctx, Scope } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { prepared } from '../kernel/prepared.ts'
import { newToken } from '../kernel/random.ts'
import { transaction } from '../kernel/transaction.ts'
import { requireSession } from './access.ts'
import { live } from './group-queries.ts'
import { secretHash } from './link.ts'
import { allScopes, cleanDisplayName, rolesOf } from './person.ts'
import { tokensOf } from './queries.ts'
import {
  TOKEN_NAME_MAX_CHARS,
  TOKEN_PREFIX,
  tokenEnd,
  tokenFault,
  USE_NOTED_AFTER_MS,
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

/** A token with its person and their roles, a row for each role, or one without. */
const tokenByHash = prepared('token_by_hash', (db) =>
  db
    .select({
      id: api_token.id,
      scopes: api_token.scopes,
      expires_at: api_token.expires_at,
      last_used_at: api_token.last_used_at,
      person_id: person.id,
      username: person.username,
      role: people_group.role,
    })
    .from(api_token)
    .innerJoin(person, eq(person.id, api_token.person_id))
    .leftJoin(group_member, and(eq(group_member.person_id, person.id), live))
    .leftJoin(people_group, eq(people_group.id, group_member.group_id))
    .where(eq(api_token.token_hash, sql.placeholder('hash'))),
)

/** @throws PortalError account.token-invalid */
export async function actorOfToken(app: App, token: string): Promise<Actor> {
  const now = app.clock.now()
  const rows = await tokenByHash(app.db, { hash: secretHash(token) })
  const [found] = rows
  const over = found && found.expires_at !== null && found.expires_at <= now
  if (!found || over) throw new PortalError('account.token-invalid')
  if (found.last_used_at === null || found.last_used_at <= now - USE_NOTED_EVERY_MS)
    noteUse(app, found.id)
  return {
    kind: 'person',
    id: found.person_id,
    username: found.username,
    roles: rolesOf(rows.flatMap(({ role }) => role ?? [])),
    scopes: found.scopes,
    token_id: found.id,
  }
}

/** Numbers of tokens whose use waits to be noted. */
const used = new WeakMap<App, Set<number>>()

/**
 * Notes that a token was used, soon, with all others of the same second: nobody waits for it. What is lost when
 * the program ends comes with the next use.
 */
function noteUse(app: App, id: number): void {
  const waiting = used.get(app)
  if (waiting) {
    waiting.add(id)
    return
  }
  const ids = new Set([id])
  used.set(app, ids)
  setTimeout(() => {
    used.delete(app)
    writeUse(app, [...ids]).catch((error) => {
      app.log.warn({ err: error }, 'the use of tokens was not noted')
    })
  }, USE_NOTED_AFTER_MS).unref()
}

async function writeUse(app: App, ids: number[]): Promise<void> {
  const now = app.clock.now()
  const stale = or(
    isNull(api_token.last_used_at),
    lte(api_token.last_used_at, now - USE_NOTED_EVERY_MS),
  )
  for (const part of chunks(ids))
    await transaction({ app }, (tx) =>
      tx
        .update(api_token)
        .set({ last_used_at: now })
        .where(and(inArray(api_token.id, part), stale)),
    )
}
