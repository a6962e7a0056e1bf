/** Who did what, when and why: a row in the transaction of the change itself. */
import { and, desc, eq } from 'drizzle-orm'
import { audit_entry } from '../../db/schema/kernel.ts'
import { actorName, type Ctx } from './context.ts'
import type { Reader, Tx } from './db.ts'
import { record } from './outbox.ts'

/** Everything that is on record, as a verb in the past; `account.log.<action>` is its sentence. */
export const auditActions = [
  'account.first-admin',
  'account.log-in-failed',
  'account.logged-in',
  'account.password-changed',
  'account.password-reset',
  'account.profile-changed',
  'account.session-ended',
  'account.signed-up',
  'account.token-made',
  'account.token-revoked',
  'account.verified',
  'blocker.accepted',
  'blocker.proposed',
  'blocker.rejected',
  'blocker.resolved',
  'blocker.voted',
  'build.submitted',
  'builder.added',
  'builder.disabled',
  'builder.enabled',
  'builder.granted',
  'builder.removed',
  'builder.token-renewed',
  'compose.started',
  'event.dropped',
  'event.given-again',
  'group.ask-withdrawn',
  'group.asked',
  'group.changed',
  'group.declined',
  'group.joined',
  'group.left',
  'group.made',
  'group.removed',
  'group.sponsor-ended',
  'group.sponsor-made',
  'images.published',
  'images.withdrawn',
  'mirror-site.admin-added',
  'mirror-site.admin-removed',
  'mirror-site.changed',
  'mirror-site.made',
  'mirror.changed',
  'mirror.imported',
  'mirror.made',
  'mirror.maintenance',
  'mirror.master-configured',
  'mirror.paused',
  'mirror.proved',
  'mirror.resumed',
  'mirror.retired',
  'mirror.source-added',
  'mirror.source-removed',
  'mirror.tier-approved',
  'mirror.tier-refused',
  'mirror.tier-requested',
  'override.ended',
  'override.made',
  'package.ask-withdrawn',
  'package.asked',
  'package.binary-declined',
  'package.binary-moved',
  'package.binary-offered',
  'package.claim-released',
  'package.claimed',
  'package.declined',
  'package.given',
  'package.taken',
  'push.given-up',
  'push.started',
  'push.withdrawn',
  'release.decided',
  'release.reached',
  'release.slipped',
  'release.state',
  'task.canceled',
  'update.approved',
  'update.comment-hidden',
  'update.comment-shown',
  'update.commented',
  'update.created',
  'update.edited',
  'update.obsolete',
  'update.revoke',
  'update.stable',
  'update.testing',
  'update.gated',
  'update.unpush',
  'update.vote-withdrawn',
  'update.voted',
  'update.waived',
  'upstream.imported',
] as const
export type AuditAction = (typeof auditActions)[number]

export interface AuditInput {
  action: AuditAction
  /** What it was done to: `update:KEEL-2026-0f3a9b1c2d`. */
  subject: string
  reason?: string
  details?: Record<string, unknown>
  /** Whose own log shows it, where that is not the actor. */
  person_id?: number
}

export async function audit(tx: Tx, ctx: Ctx, input: AuditInput): Promise<void> {
  record(tx, {
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
