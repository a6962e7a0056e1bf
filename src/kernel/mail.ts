/**
 * Mail: queued in the transaction of its cause, sent after commit by the worker. Without SMTP_URL each
 * message becomes an .eml file in SLIPWAY_DATA/mail, so that a demo needs no mail server.
 */

import { join } from 'node:path'
import { and, asc, count, eq, gte, isNotNull, isNull, lt, lte, max, min } from 'drizzle-orm'
import nodemailer from 'nodemailer'
import { mail } from '../../db/schema/kernel.ts'
import { MINUTE_MS } from './clock.ts'
import { dataPath } from './config.ts'
import type { App, Ctx } from './context.ts'
import type { Reader, Tx } from './db.ts'
import { makeFolder, writeDurably } from './durable.ts'
import { newHex } from './random.ts'
import { transaction } from './transaction.ts'

export interface MailInput {
  to: string
  subject: string
  body: string
  /** What the message is about, such as `update:KEEL-2026-…`: messages about one thing thread. */
  thread?: string
}

/** After this many failures a message stays, with its error, for a person to look at. */
const MAX_ATTEMPTS = 8

/** A message id that is the same for one thread, so that a reader's program groups what follows. */
function threadRoot(app: App, thread: string): string {
  return `<thread.${Buffer.from(thread).toString('base64url')}@${new URL(app.config.url).hostname}>`
}

export async function queueMail(tx: Tx, ctx: Ctx, input: MailInput): Promise<void> {
  const { app } = ctx
  const host = new URL(app.config.url).hostname
  await tx.insert(mail).values({
    to: input.to,
    subject: input.subject.replace(/[\r\n]+/g, ' '),
    body: input.body,
    message_id: `<${newHex(app.random, 24)}@${host}>`,
    in_reply_to: input.thread === undefined ? null : threadRoot(app, input.thread),
    created_at: app.clock.now(),
    not_before: app.clock.now(),
  })
}

/** How a message leaves the house. */
export interface MailTransport {
  send(message: typeof mail.$inferSelect): Promise<void>
}

export function createMailTransport(app: App): MailTransport {
  const smtp = app.config.smtp_url
  const outer = smtp === undefined ? undefined : nodemailer.createTransport(smtp)
  const composer = nodemailer.createTransport({ streamTransport: true, buffer: true })
  return {
    async send(message) {
      const content = {
        from: app.distribution.mail_from,
        to: message.to,
        subject: message.subject,
        text: message.body,
        messageId: message.message_id,
        ...(message.in_reply_to && {
          inReplyTo: message.in_reply_to,
          references: message.in_reply_to,
        }),
        headers: { 'Auto-Submitted': 'auto-generated' },
      }
      if (outer) {
        await outer.sendMail(content)
        return
      }
      const composed = await composer.sendMail(content)
      const folder = dataPath(app.config, 'mail')
      // Letters hold links that log someone in.
      await makeFolder(folder, 0o700)
      const file = join(folder, `${String(message.id).padStart(8, '0')}.eml`)
      await writeDurably(file, composed.message as Buffer, 0o600)
    },
  }
}

/**
 * Sends what is due. A message may go out twice when the program dies between sending and noting it:
 * its Message-ID stays the same, so that readers' programs drop the second.
 * @returns how many were tried
 */
export async function sendDueMail(app: App, transport: MailTransport): Promise<number> {
  const now = app.clock.now()
  const due = await app.db
    .select()
    .from(mail)
    .where(and(isNull(mail.sent_at), lte(mail.not_before, now)))
    .orderBy(asc(mail.id))
    .limit(50)
  for (const message of due) {
    const claimed = await claim(app, message)
    if (claimed) await trySend(app, transport, claimed)
  }
  return due.length
}

/** Takes a message for this worker by moving its next date; another worker then leaves it. */
async function claim(app: App, message: typeof mail.$inferSelect) {
  const attempts = message.attempts + 1
  const wait_ms = Math.min(2 ** attempts, 240) * MINUTE_MS
  const never = Number.MAX_SAFE_INTEGER
  const [claimed] = await transaction({ app }, (tx) =>
    tx
      .update(mail)
      .set({
        attempts,
        not_before: attempts >= MAX_ATTEMPTS ? never : app.clock.now() + wait_ms,
      })
      .where(and(eq(mail.id, message.id), eq(mail.attempts, message.attempts)))
      .returning(),
  )
  return claimed
}

async function trySend(app: App, transport: MailTransport, message: typeof mail.$inferSelect) {
  let outcome: { sent_at: number; error: null; body: string } | { error: string }
  try {
    await transport.send(message)
    // A letter may hold a link that logs someone in: what has left the house is not kept.
    outcome = { sent_at: app.clock.now(), error: null, body: '' }
  } catch (error) {
    outcome = { error: String(error) }
    app.log.warn({ mail_id: message.id, error: String(error) }, 'mail not sent')
  }
  await transaction({ app }, (tx) => tx.update(mail).set(outcome).where(eq(mail.id, message.id)))
}

export interface MailHealth {
  /** Letters that will be tried (again). */
  waiting: number
  /** When the oldest of them was written; milliseconds since the epoch. */
  oldest_at: number | null
  /** What the last try of the oldest that failed ended with; it may name addresses. */
  error: string | null
  /** Letters that were given up, of those written since the moment that was asked for. */
  given_up: number
  last_sent_at: number | null
}

/** @param since_ms from when on letters that were given up count */
export async function mailHealth(db: Reader, since_ms: number): Promise<MailHealth> {
  const trying = and(isNull(mail.sent_at), lt(mail.attempts, MAX_ATTEMPTS))
  const [waiting] = await db
    .select({ n: count(), oldest_at: min(mail.created_at) })
    .from(mail)
    .where(trying)
  const [failed] = await db
    .select({ error: mail.error })
    .from(mail)
    .where(and(trying, isNotNull(mail.error)))
    .orderBy(asc(mail.not_before))
    .limit(1)
  const [sent] = await db.select({ at: max(mail.sent_at) }).from(mail)
  const lost = and(isNull(mail.sent_at), gte(mail.attempts, MAX_ATTEMPTS))
  return {
    waiting: waiting?.n ?? 0,
    oldest_at: numberOrNull(waiting?.oldest_at),
    error: failed?.error ?? null,
    given_up: await db.$count(mail, and(lost, gte(mail.created_at, since_ms))),
    last_sent_at: numberOrNull(sent?.at),
  }
}

/** PostgreSQL gives the smallest and largest of its big numbers as text. */
const numberOrNull = (value: number | string | null | undefined) =>
  value === null || value === undefined ? null : Number(value)
