/** Who did what, when and why: a row in the transaction of the change itself. */
import { and, desc, eq } from 'drizzle-orm'
import { audit_entry } from '../../db/schema/kernel.ts'
import { actorName, type Ctx } from './context.ts'
import type { Reader, Tx } from './db.ts'

export interface AuditInput {
  /** Verb in the past: `update.voted`. */
  action: string
  /** What it was done to: `update:KEEL-2026-0f3a9b1c2d`. */
  subject: string
  reason?: string
  details?: Record<string, unknown>
  /** Whose own log shows it, where that is not the actor. */
  person_id?: number
}

export async function audit(tx: Tx, ctx: Ctx, input: AuditInput): Promise<void> {
  await tx.insert(audit_entry).values({
    at: ctx.app.clock.now(),
    actor: actorName(ctx.actor),
    person_id: input.person_id ?? (ctx.actor.kind === 'person' ? ctx.actor.id : null),
    action: input.action,
    subject: input.subject,
    reason: input.reason ?? null,
    details: input.details ?? {},
    request_id: ctx.requestId,
  })
}

/** A person's own log, newest first. */
export function auditOfPerson(db: Reader, person_id: number, limit = 100) {
  return db
    .select()
    .from(audit_entry)
    .where(eq(audit_entry.person_id, person_id))
    .orderBy(desc(audit_entry.id))
    .limit(limit)
}

/** What was done to one subject, newest first. */
export function auditOfSubject(db: Reader, subject: string, limit = 100) {
  return db
    .select()
    .from(audit_entry)
    .where(eq(audit_entry.subject, subject))
    .orderBy(desc(audit_entry.id))
    .limit(limit)
}

/** Every time that one thing was done to one subject, newest first. */
export function auditOfAction(db: Reader, subject: string, action: string, limit = 100) {
  return db
    .select()
    .from(audit_entry)
    .where(and(eq(audit_entry.subject, subject), eq(audit_entry.action, action)))
    .orderBy(desc(audit_entry.id))
    .limit(limit)
}
