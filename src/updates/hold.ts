/** The lock of an update: whoever decides on one holds its row first, before anything else. */
import { eq } from 'drizzle-orm'
import { update } from '../../db/schema/updates.ts'
import type { Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { reason } from '../kernel/reason.ts'
import type { UpdateRow } from './queries.ts'

/** Whoever holds it may change what its going to stable depends on: the worker looks at it again. */
const ASK_AGAIN = { ask_at: 0 }

/**
 * Reads an update for writing: what decides on it sees no older state, and others wait.
 * @throws PortalError not-found
 */
export async function holdUpdate(tx: Tx, alias: string): Promise<UpdateRow> {
  const [row] = await tx.update(update).set(ASK_AGAIN).where(eq(update.alias, alias)).returning()
  if (!row) throw new PortalError('not-found')
  return row
}

/**
 * What was said of other builds does not count for these.
 * @param saw the revision that its author looked at; undefined where nobody said
 * @throws PortalError update.refused
 */
export function refuseMoved(row: UpdateRow, saw: number | undefined): void {
  if (saw !== undefined && saw !== row.revision)
    throw new PortalError('update.refused', {
      field: 'revision',
      reasons: [reason('update.revision-moved', { saw, now: row.revision })],
    })
}
