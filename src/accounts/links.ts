/** One-time links: made for a purpose, used once by a conditional update. */
import { and, eq, gt, isNull, lte } from 'drizzle-orm'
import { link } from '../../db/schema/accounts.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { newToken } from '../kernel/random.ts'
import { type LinkPurpose, linkLife_ms, linkPath, secretHash } from './link.ts'

/**
 * Makes a link and takes back what was made before for the same purpose and person.
 * @param person_id null for the first administrator
 * @returns the whole address; it is stored nowhere
 */
export async function makeLink(
  tx: Tx,
  ctx: Ctx,
  purpose: LinkPurpose,
  person_id: number | null,
): Promise<string> {
  const { app } = ctx
  const now = app.clock.now()
  const token = newToken(app.random)
  await endLinks(tx, ctx, purpose, person_id)
  await tx.insert(link).values({
    token_hash: secretHash(token),
    purpose,
    person_id,
    created_at: now,
    expires_at: now + linkLife_ms[purpose],
  })
  return `${app.config.url}${linkPath(purpose, token)}`
}

/** Takes back what is still open. */
export async function endLinks(
  tx: Tx,
  ctx: Ctx,
  purpose: LinkPurpose,
  person_id: number | null,
): Promise<void> {
  const owner = person_id === null ? isNull(link.person_id) : eq(link.person_id, person_id)
  await tx
    .update(link)
    .set({ used_at: ctx.app.clock.now() })
    .where(and(eq(link.purpose, purpose), owner, isNull(link.used_at)))
}

function openLink(ctx: Ctx, purpose: LinkPurpose, token: string) {
  return and(
    eq(link.token_hash, secretHash(token)),
    eq(link.purpose, purpose),
    isNull(link.used_at),
    gt(link.expires_at, ctx.app.clock.now()),
  )
}

/** Whose link it is, without using it. @throws PortalError account.link-invalid */
export async function readLink(ctx: Ctx, purpose: LinkPurpose, token: string) {
  const [row] = await ctx.app.db
    .select()
    .from(link)
    .where(openLink(ctx, purpose, token))
  if (!row) throw new PortalError('account.link-invalid')
  return { person_id: row.person_id }
}

/** Uses a link up; of two at once one wins. @throws PortalError account.link-invalid */
export async function useLink(tx: Tx, ctx: Ctx, purpose: LinkPurpose, token: string) {
  const [row] = await tx
    .update(link)
    .set({ used_at: ctx.app.clock.now() })
    .where(openLink(ctx, purpose, token))
    .returning()
  if (!row) throw new PortalError('account.link-invalid')
  return { person_id: row.person_id }
}

/** Forgets links that can no longer be used. */
export async function purgeLinks(tx: Tx, now_ms: number): Promise<void> {
  await tx.delete(link).where(lte(link.expires_at, now_ms))
}
