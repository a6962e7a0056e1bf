/** Tables of the kernel: what every mutation writes beside its own rows. */
import { sql } from 'drizzle-orm'
import { id, index, int, json, table, text, time, unique } from '../columns.ts'

/** The outbox: facts in the order they were committed. Read by subscribers and by /api/events. */
export const event = table(
  'event',
  {
    id: id(),
    type: text().notNull(),
    subject: text().notNull(),
    payload: json<Record<string, unknown>>().notNull(),
    actor: text().notNull(),
    at: time().notNull(),
  },
  (t) => [index('event_subject').on(t.subject, t.id), index('event_at').on(t.at)],
)

/** How far each subscriber has come in the outbox; retention, too, which forgets what is up to its mark. */
export const subscription = table('subscription', {
  name: text().primaryKey(),
  last_event_id: int().notNull(),
})

/**
 * Facts that a subscriber could not act on. The row has a copy of the fact, which may be forgotten before
 * somebody has looked at it.
 */
export const event_aside = table(
  'event_aside',
  {
    id: id(),
    subscriber: text().notNull(),
    event_id: int().notNull(),
    type: text().notNull(),
    subject: text().notNull(),
    payload: json<Record<string, unknown>>().notNull(),
    actor: text().notNull(),
    /** Of the fact. */
    at: time().notNull(),
    /** trying: the subscriber waits for it; aside: it went on without; again: an admin gives it once more. */
    state: text<'trying' | 'aside' | 'again'>().notNull(),
    attempts: int().notNull(),
    error: text().notNull(),
    failed_at: time().notNull(),
    not_before: time().notNull(),
  },
  (t) => [
    unique('event_aside_one').on(t.subscriber, t.event_id),
    index('event_aside_state').on(t.state),
  ],
)

export const audit_entry = table(
  'audit_entry',
  {
    id: id(),
    at: time().notNull(),
    actor: text().notNull(),
    person_id: int(),
    action: text().notNull(),
    subject: text().notNull(),
    reason: text(),
    details: json<Record<string, unknown>>().notNull(),
    request_id: text().notNull(),
  },
  (t) => [index('audit_person').on(t.person_id, t.id), index('audit_subject').on(t.subject, t.id)],
)

/** Mail to send: written with its cause, sent by the worker after commit. */
export const mail = table(
  'mail',
  {
    id: id(),
    to: text().notNull(),
    subject: text().notNull(),
    body: text().notNull(),
    message_id: text().notNull(),
    in_reply_to: text(),
    created_at: time().notNull(),
    not_before: time().notNull(),
    sent_at: time(),
    attempts: int().notNull().default(0),
    error: text(),
  },
  (t) => [
    index('mail_due').on(t.sent_at, t.not_before),
    index('mail_waiting').on(t.not_before).where(sql`sent_at is null`),
  ],
)

/** Markdown that people wrote, as HTML: made once for each text, anew when the renderer's version changes. */
export const rendered_text = table('rendered_text', {
  /** SHA-256 of the text. */
  digest: text().primaryKey(),
  /** Of the renderer that made it. */
  version: int().notNull(),
  html: text().notNull(),
  rendered_at: time().notNull(),
})
