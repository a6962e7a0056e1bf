/** What the releases room says of an update in a freeze, and how an update stands for those who count. */
import { eq } from 'drizzle-orm'
import { update } from '../../db/schema/updates.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { emit } from '../kernel/events.ts'
import type { Reason } from '../kernel/reason.ts'
import { factsOf } from './facts.ts'
import { holdUpdate } from './hold.ts'
import { updatesOfBuilds } from './queries.ts'
import { mayGoStable, mayGoTesting, type UpdateStatus } from './update.ts'

/** Lets an update go to stable during a freeze, or no longer (`why` null). @throws PortalError not-found */
export async function setFreezeException(
  tx: Tx,
  ctx: Ctx,
  alias: string,
  why: string | null,
): Promise<void> {
  const row = await holdUpdate(tx, alias)
  await tx.update(update).set({ freeze_exception: why }).where(eq(update.id, row.id))
  await emit(tx, ctx, 'update.freeze-exception', `update:${alias}`, { granted: why !== null })
}

export interface BuildStanding {
  alias: string
  status: UpdateStatus
  /** What it still waits for; empty when the next push takes it. */
  waits_for: Reason[]
}

/** The live update that each build is in, with what that one waits for. */
export async function standingOfBuilds(
  ctx: Ctx,
  build_ids: number[],
): Promise<Map<number, BuildStanding>> {
  const { app } = ctx
  const standings = new Map<number, BuildStanding>()
  if (build_ids.length === 0) return standings
  const known = new Map<number, BuildStanding>()
  for (const { update: row, build_id } of await updatesOfBuilds(app.db, build_ids)) {
    let standing = known.get(row.id)
    if (!standing) {
      const open = row.status === 'testing' || row.status === 'pending'
      const facts = open ? await factsOf(app, app.db, row) : undefined
      const rule = row.status === 'pending' ? mayGoTesting : mayGoStable
      const waits_for = facts ? rule(facts) : []
      standing = { alias: row.alias, status: row.status, waits_for }
      known.set(row.id, standing)
    }
    standings.set(build_id, standing)
  }
  return standings
}
