/**
 * Sessions by Lucia 3, and the only file that knows it: it makes the cookie, decides expiry and renewal.
 * The adapter keeps SHA-256 of session ids, so that a copy of the database logs nobody in; and it
 * shifts times, since Lucia reads the system's clock and the house its own.
 */
import { eq, lte } from 'drizzle-orm'
import { parse } from 'hono/utils/cookie'
import { type Adapter, type DatabaseSession, Lucia, TimeSpan } from 'lucia'
import { person, session } from '../../db/schema/accounts.ts'
import type { App } from '../kernel/context.ts'
import { cookieName } from '../kernel/cookies.ts'
import { newToken } from '../kernel/random.ts'
import { isHttps } from '../kernel/security-headers.ts'
import { transaction } from '../kernel/transaction.ts'
import { secretHash } from './link.ts'

/** Used at least once in so many days, a session goes on. */
const SESSION_DAYS = 30
const COOKIE = 'slipway_session'

interface SessionAttributes {
  created_at: number
  agent: string
}

declare module 'lucia' {
  interface Register {
    Lucia: Lucia<SessionAttributes, { username: string }>
    UserId: number
    DatabaseSessionAttributes: SessionAttributes
    DatabaseUserAttributes: { username: string }
  }
}

type SessionRow = typeof session.$inferSelect

function createAdapter(app: App): Adapter {
  /** What Lucia calls now, minus what the house calls now. */
  const shift_ms = () => Date.now() - app.clock.now()
  const toLucia = (id: string, row: SessionRow): DatabaseSession => ({
    id,
    userId: row.person_id,
    expiresAt: new Date(row.expires_at + shift_ms()),
    attributes: { created_at: row.created_at, agent: row.agent },
  })
  const fromLucia = (date: Date) => date.getTime() - shift_ms()
  return {
    async getSessionAndUser(id) {
      const [row] = await app.db
        .select({ session, username: person.username })
        .from(session)
        .innerJoin(person, eq(person.id, session.person_id))
        .where(eq(session.id, secretHash(id)))
      if (!row) return [null, null]
      const user = { id: row.session.person_id, attributes: { username: row.username } }
      return [toLucia(id, row.session), user]
    },
    async getUserSessions(userId) {
      const rows = await app.db.select().from(session).where(eq(session.person_id, userId))
      return rows.map((row) => toLucia(row.id, row))
    },
    async setSession(value) {
      const expires_at = fromLucia(value.expiresAt)
      const row = { id: secretHash(value.id), person_id: value.userId, expires_at }
      await transaction({ app }, (tx) => tx.insert(session).values({ ...row, ...value.attributes }))
    },
    async updateSessionExpiration(id, expiresAt) {
      const expires_at = fromLucia(expiresAt)
      await transaction({ app }, (tx) =>
        tx
          .update(session)
          .set({ expires_at })
          .where(eq(session.id, secretHash(id))),
      )
    },
    async deleteSession(id) {
      await transaction({ app }, (tx) => tx.delete(session).where(eq(session.id, secretHash(id))))
    },
    async deleteUserSessions(userId) {
      await transaction({ app }, (tx) => tx.delete(session).where(eq(session.person_id, userId)))
    },
    async deleteExpiredSessions() {
      const now = app.clock.now()
      await transaction({ app }, (tx) => tx.delete(session).where(lte(session.expires_at, now)))
    },
  }
}

function luciaOf(app: App) {
  return new Lucia(createAdapter(app), {
    sessionExpiresIn: new TimeSpan(SESSION_DAYS, 'd'),
    // The cookie outlives the session, which is renewed in the database alone.
    sessionCookie: {
      name: cookieName(app.config, COOKIE),
      expires: false,
      attributes: { secure: isHttps(app.config), sameSite: 'lax' },
    },
    getSessionAttributes: (attributes) => attributes,
    getUserAttributes: (attributes) => attributes,
  })
}

/** Begins a session. @returns the value of the Set-Cookie header; the id in it is stored nowhere */
export async function beginSession(app: App, person_id: number, agent: string): Promise<string> {
  const lucia = luciaOf(app)
  const sessionId = newToken(app.random)
  const attributes = { created_at: app.clock.now(), agent: agent.slice(0, 300) }
  await lucia.createSession(person_id, attributes, { sessionId })
  return lucia.createSessionCookie(sessionId).serialize()
}

/** Whose session a Cookie header carries, renewed if it is old; null when none or over. */
export async function readSession(app: App, cookieHeader: string) {
  const lucia = luciaOf(app)
  // Not Lucia's reader: it fails on any cookie, of whomever, with a percent sign that stands alone.
  const sessionId = parse(cookieHeader)[cookieName(app.config, COOKIE)]
  if (!sessionId) return null
  const { session: live, user } = await lucia.validateSession(sessionId)
  return live && { id: secretHash(sessionId), person_id: live.userId, username: user.username }
}

/** The Set-Cookie header that makes a browser forget its session. */
export function blankSessionCookie(app: App): string {
  return luciaOf(app).createBlankSessionCookie().serialize()
}

/** Forgets sessions that are over. */
export async function purgeSessions(app: App): Promise<void> {
  await luciaOf(app).deleteExpiredSessions()
}
