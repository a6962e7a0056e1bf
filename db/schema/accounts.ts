/** People, their groups, sessions, tokens, mailed links and rate limits. Secrets only as SHA-256. */
import { sql } from 'drizzle-orm'
import { id, index, int, json, table, text, time, unique } from '../columns.ts'

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

/** Groups that people work in. Whoever is in a group with a role has the role; every verified person is a member. */
export const people_group = table(
  'people_group',
  {
    id: id(),
    /** As it stands in addresses. */
    name: text().notNull(),
    title: text().notNull(),
    /** What it does and what it takes to join. */
    description: text().notNull(),
    role: text<'admin' | 'packager'>(),
    created_at: time().notNull(),
  },
  (t) => [
    unique('people_group_name').on(t.name),
    // A role is held by membership of one group, so that there is one place to look.
    unique('people_group_role').on(t.role).where(sql`role is not null`),
  ],
)

/** Who is in a group, since when and by whom; the row stays when somebody has left. */
export const group_member = table(
  'group_member',
  {
    id: id(),
    group_id: int().notNull(),
    person_id: int().notNull(),
    /** Who let them in, as the audit log writes it: person:ann, system:cli. */
    sponsored_by: text().notNull(),
    since: time().notNull(),
    /** Set while they may let in others. */
    sponsor_since: time(),
    left_at: time(),
    left_by: text(),
    left_reason: text(),
  },
  (t) => [
    unique('group_member_live').on(t.group_id, t.person_id).where(sql`left_at is null`),
    index('group_member_person').on(t.person_id),
  ],
)

/** Who asks to join, and what became of it. */
export const group_request = table(
  'group_request',
  {
    id: id(),
    group_id: int().notNull(),
    person_id: int().notNull(),
    reason: text().notNull(),
    asked_at: time().notNull(),
    state: text<'open' | 'accepted' | 'declined' | 'withdrawn'>().notNull(),
    decided_by: text(),
    decided_at: time(),
    decision_reason: text(),
  },
  (t) => [
    unique('group_request_open').on(t.group_id, t.person_id).where(sql`state = 'open'`),
    index('group_request_person').on(t.person_id),
  ],
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
