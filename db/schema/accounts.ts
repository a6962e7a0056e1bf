/** People, their roles, sessions, tokens, mailed links and rate limits. Secrets only as SHA-256. */
import { id, index, int, json, primaryKey, table, text, time, unique } from '../columns.ts'

export const person = table(
  'person',
  {
    id: id(),
    /** Lower case; see usernameFaults. */
    username: text().notNull(),
    display_name: text().notNull().default(''),
    email: text().notNull(),
    /**
     * The address in lower case once it is verified, null before: an address is taken by whoever
     * proved it, never by whoever typed it first.
     */
    email_key: text(),
    /** Argon2id in PHC format. */
    password_hash: text().notNull(),
    created_at: time().notNull(),
    verified_at: time(),
  },
  (t) => [
    unique('person_username').on(t.username),
    unique('person_email_key').on(t.email_key),
    index('person_unverified').on(t.verified_at, t.created_at),
  ],
)

/** Roles that an admin granted; every verified person is a member without a row. */
export const person_role = table(
  'person_role',
  {
    person_id: int().notNull(),
    role: text<'admin' | 'packager'>().notNull(),
    granted_by: text().notNull(),
    granted_at: time().notNull(),
  },
  (t) => [primaryKey({ columns: [t.person_id, t.role] }), index('person_role_role').on(t.role)],
)

export const session = table(
  'session',
  {
    /** SHA-256 of the session id in the cookie, hexadecimal. */
    id: text().primaryKey(),
    person_id: int().notNull(),
    created_at: time().notNull(),
    expires_at: time().notNull(),
    /** User-Agent of the log-in, for the person to know it again. */
    agent: text().notNull(),
  },
  (t) => [index('session_person').on(t.person_id), index('session_expires').on(t.expires_at)],
)

export const api_token = table(
  'api_token',
  {
    id: id(),
    person_id: int().notNull(),
    name: text().notNull(),
    token_hash: text().notNull(),
    scopes: json<('read' | 'vote' | 'package' | 'edge' | 'admin')[]>().notNull(),
    created_at: time().notNull(),
    last_used_at: time(),
    expires_at: time(),
  },
  (t) => [unique('api_token_hash').on(t.token_hash), index('api_token_person').on(t.person_id)],
)

/** Links that prove something to whoever holds them, once. */
export const link = table(
  'link',
  {
    id: id(),
    token_hash: text().notNull(),
    purpose: text<'verify' | 'reset' | 'first-admin'>().notNull(),
    /** Null for the first administrator, who has no account yet. */
    person_id: int(),
    created_at: time().notNull(),
    expires_at: time().notNull(),
    used_at: time(),
  },
  (t) => [
    unique('link_hash').on(t.token_hash),
    index('link_person').on(t.person_id),
    index('link_expires').on(t.expires_at),
  ],
)

/** Tries within a window of time, by what they were and who made them. */
export const rate_limit = table(
  'rate_limit',
  {
    key: text().primaryKey(),
    count: int().notNull(),
    window_ends_at: time().notNull(),
  },
  (t) => [index('rate_limit_end').on(t.window_ends_at)],
)
