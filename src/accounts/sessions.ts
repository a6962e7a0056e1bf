/** Log-in and log-out, one's own sessions, and who sent a request. */
import { and, eq } from 'drizzle-orm'
import { session } from '../../db/schema/accounts.ts'
import { audit } from '../kernel/audit.ts'
import type { Actor, App, Ctx } from '../kernel/context.ts'
import { PortalError } from '../kernel/errors.ts'
import { hasBearer } from '../kernel/guards.ts'
import { transaction } from '../kernel/transaction.ts'
import { requireSession } from './access.ts'
import { rolesByGroups } from './group-queries.ts'
import { takeTry } from './limits.ts'
import { isPassword } from './passwords.ts'
import { allScopes, emailKey, rolesOf, usernameKey } from './person.ts'
import {
  type PersonRow,
  personByEmail,
  personById,
  personByUsername,
  sessionsOf,
} from './queries.ts'
import { beginSession, blankSessionCookie, readSession } from './session.ts'
import { actorOfToken } from './tokens.ts'

export interface LogInInput {
  /** Username or e-mail address. */
  login: string
  password: string
  /** User-Agent, shown in the list of sessions. */
  agent: string
}

/**
 * @returns the Set-Cookie header of the new session
 * @throws PortalError account.bad-credentials whatever was wrong; account.unverified only with the
 * right password; rate.limited
 */
export async function logIn(ctx: Ctx, input: LogInInput): Promise<string> {
  const login = usernameKey(input.login)
  await takeTry(ctx, 'log-in', login)
  const row = login.includes('@')
    ? await personByEmail(ctx.app.db, emailKey(login))
    : await personByUsername(ctx.app.db, login)
  if (!(await isPassword(row, input.password)) || !row) {
    await noteFailure(ctx, row)
    throw new PortalError('account.bad-credentials', { field: 'login' })
  }
  if (row.verified_at === null) throw new PortalError('account.unverified', { field: 'login' })
  return startSession(ctx, row.id, input.agent)
}

/** On record of the person whom it was tried on; nobody's name is kept that is no account's. */
async function noteFailure(ctx: Ctx, row: PersonRow | undefined): Promise<void> {
  const { address, requestId: request_id } = ctx
  ctx.app.log.warn({ person: row?.username, address, request_id }, 'a log-in failed')
  if (!row) return
  const subject = `person:${row.username}`
  await transaction(ctx, (tx) =>
    audit(tx, ctx, { action: 'account.log-in-failed', subject, person_id: row.id }),
  )
}

/** A session for someone who has just proved who they are. @returns the Set-Cookie header */
export async function startSession(ctx: Ctx, person_id: number, agent: string): Promise<string> {
  const row = await personById(ctx.app.db, person_id)
  if (!row || row.verified_at === null) throw new PortalError('account.bad-credentials')
  const cookie = await beginSession(ctx.app, person_id, agent)
  const subject = `person:${row.username}`
  await transaction(ctx, (tx) =>
    audit(tx, ctx, { action: 'account.logged-in', subject, person_id }),
  )
  return cookie
}

/** Ends the session that asks. @returns the Set-Cookie header that makes the browser forget it */
export async function logOut(ctx: Ctx): Promise<string> {
  const { actor } = ctx
  const id = actor.kind === 'person' ? actor.session_id : undefined
  if (id !== undefined) await transaction(ctx, (tx) => tx.delete(session).where(eq(session.id, id)))
  return blankSessionCookie(ctx.app)
}

export interface SessionView {
  id: string
  created_at: number
  expires_at: number
  agent: string
  /** The one that asks. */
  current: boolean
}

/** One's own sessions, newest first. */
export async function listSessions(ctx: Ctx): Promise<SessionView[]> {
  const me = requireSession(ctx)
  const rows = await sessionsOf(ctx.app.db, me.id, ctx.app.clock.now())
  return rows.map(({ person_id: _, ...row }) => ({ ...row, current: row.id === me.session_id }))
}

/** Ends one of one's own sessions. @throws PortalError not-found */
export async function endSession(ctx: Ctx, id: string): Promise<void> {
  const me = requireSession(ctx)
  await transaction(ctx, async (tx) => {
    const mine = and(eq(session.id, id), eq(session.person_id, me.id))
    const ended = await tx.delete(session).where(mine).returning({ id: session.id })
    if (ended.length === 0) throw new PortalError('not-found')
    const subject = `person:${me.username}`
    await audit(tx, ctx, { action: 'account.session-ended', subject })
  })
}

/**
 * Who sent a request: a person by `Authorization: Bearer slp_…` or by the session cookie, else nobody.
 * A bearer that is none of ours is left to whoever knows it (builders).
 * @throws PortalError account.token-invalid for a token of ours that is unknown, revoked or over
 */
export async function actorFromRequest(app: App, request: Request): Promise<Actor> {
  const authorization = request.headers.get('Authorization')
  const bearer = /^Bearer\s+(slp_\S+)$/i.exec(authorization ?? '')
  if (bearer?.[1]) return actorOfToken(app, bearer[1])
  // The origin of such a request is not looked at, so that its cookie must not count.
  if (hasBearer(authorization)) return { kind: 'anonymous' }
  const cookie = request.headers.get('Cookie')
  const live = cookie === null ? null : await readSession(app, cookie)
  if (!live) return { kind: 'anonymous' }
  return {
    kind: 'person',
    id: live.person_id,
    username: live.username,
    roles: rolesOf(await rolesByGroups(app.db, live.person_id)),
    scopes: [...allScopes],
    session_id: live.id,
  }
}
