/** Updates in lists, with their karma: two queries, however long the list. */
import type { Ctx } from '../kernel/context.ts'
import { eventsSince } from '../kernel/events.ts'
import {
  countByStatus,
  karmaOfUpdates,
  searchRows,
  type UpdateFilter,
  type UpdateRow,
  updateRows,
  updatesOfBuild,
  updatesOfPackage,
} from './queries.ts'
import type { UpdateStatus } from './update.ts'
import { listUpdates } from './updates.ts'

export interface UpdateSummary {
  update: UpdateRow
  /** Sum of the votes that count. */
  karma: number
}

async function summarise(ctx: Ctx, rows: UpdateRow[]): Promise<UpdateSummary[]> {
  if (rows.length === 0) return []
  const karma = await karmaOfUpdates(
    ctx.app.db,
    rows.map((row) => row.id),
  )
  return rows.map((update) => ({ update, karma: karma.get(update.id)?.get('update') ?? 0 }))
}

/** Newest first. */
export async function summariseUpdates(
  ctx: Ctx,
  input: UpdateFilter & { cursor?: string | undefined; limit: number },
): Promise<{ items: UpdateSummary[]; next: string | null }> {
  const { items, next } = await listUpdates(ctx, input)
  return { items: await summarise(ctx, items), next }
}

/** Updates that builds of a package are in, newest first. */
export async function summariesOfPackage(ctx: Ctx, name: string): Promise<UpdateSummary[]> {
  return summarise(ctx, await updatesOfPackage(ctx.app.db, name))
}

/** Every update that a build was in, newest first. */
export async function summariesOfBuild(ctx: Ctx, build_id: number): Promise<UpdateSummary[]> {
  return summarise(ctx, await updatesOfBuild(ctx.app.db, build_id))
}

/** How many updates someone can still say something about. */
export async function countOpenUpdates(ctx: Ctx) {
  const statuses: UpdateStatus[] = ['pending', 'testing']
  const counts = await countByStatus(ctx.app.db, statuses)
  return { pending: counts.get('pending') ?? 0, testing: counts.get('testing') ?? 0 }
}

/** Updates whose title, alias or CVE has the words in it, newest first. */
export function searchUpdates(ctx: Ctx, words: string, limit: number): Promise<UpdateRow[]> {
  return searchRows(ctx.app.db, words, limit)
}

/** Updates whose waiting is looked up one by one; more only need their number. */
const LOOKED_UP = 50

/** Updates that ask for a push of a release and are in none, and since when the first of them asks. */
export async function waitingForPush(
  ctx: Ctx,
  release: string,
): Promise<{ count: number; since: number | null }> {
  const { db } = ctx.app
  const rows = await updateRows(db, { release, requested: true }, undefined, 1000)
  // The oldest rows are the last ones here.
  const asked = await Promise.all(
    rows.slice(-LOOKED_UP).map(async ({ alias, created_at }) => {
      const types = ['update.requested', 'update.created']
      const [last] = await eventsSince(db, 0, { types, subject: `update:${alias}` }, 1)
      return last?.at ?? created_at
    }),
  )
  return { count: rows.length, since: asked.length > 0 ? Math.min(...asked) : null }
}
