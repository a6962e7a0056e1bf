/** Drizzle of the tasks room. */
import {
  and,
  asc,
  count,
  desc,
  eq,
  gte,
  inArray,
  like,
  lt,
  lte,
  notInArray,
  or,
  type SQL,
} from 'drizzle-orm'
import { builder, program, task } from '../../db/schema/tasks.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { builderHolder, ENDED_STATES, taskState } from './task.ts'

export type TaskRow = typeof task.$inferSelect
export type BuilderRow = typeof builder.$inferSelect

export async function findTask(db: Reader, id: number): Promise<TaskRow | undefined> {
  const [row] = await db.select().from(task).where(eq(task.id, id))
  return row
}

export function childrenOf(db: Reader, parent_id: number): Promise<TaskRow[]> {
  return db.select().from(task).where(eq(task.parent_id, parent_id)).orderBy(asc(task.id))
}

export async function findByKey(db: Reader, unique_key: string): Promise<TaskRow | undefined> {
  const [row] = await db.select().from(task).where(eq(task.unique_key, unique_key))
  return row
}

/** The first claimable tasks of one arch and channel. Reads an index range of FREE tasks only. */
export function candidates(
  db: Reader,
  at: { channel: string; arch: string; driver: string },
  now: number,
  limit: number,
) {
  return db
    .select({ id: task.id, priority: task.priority })
    .from(task)
    .where(
      and(
        eq(task.state, taskState.FREE),
        eq(task.channel, at.channel),
        eq(task.arch, at.arch),
        eq(task.driver, at.driver),
        lte(task.not_before, now),
      ),
    )
    .orderBy(asc(task.priority), asc(task.id))
    .limit(limit)
}

export function expiredLeases(db: Reader, now: number): Promise<TaskRow[]> {
  return db
    .select()
    .from(task)
    .where(and(eq(task.state, taskState.OPEN), lt(task.lease_until, now)))
    .limit(100)
}

/** Tasks that this holder has. */
export function heldBy(db: Reader, holder: string) {
  return db
    .select({ id: task.id })
    .from(task)
    .where(and(eq(task.state, taskState.OPEN), eq(task.claimed_by, holder)))
}

/** Tasks that builders have: as many as their capacities together at most. */
export function heldByBuilders(db: Reader) {
  return db
    .select({
      ...{ id: task.id, method: task.method, label: task.label, arch: task.arch },
      claimed_by: task.claimed_by,
    })
    .from(task)
    .where(and(eq(task.state, taskState.OPEN), like(task.claimed_by, builderHolder('%'))))
}

/** How many tasks of the same queue go before this one. */
export async function countAhead(db: Reader, row: TaskRow): Promise<number> {
  const [found] = await db
    .select({ ahead: count() })
    .from(task)
    .where(
      and(
        eq(task.state, taskState.FREE),
        eq(task.channel, row.channel),
        eq(task.arch, row.arch),
        or(
          lt(task.priority, row.priority),
          and(eq(task.priority, row.priority), lt(task.id, row.id)),
        ),
      ),
    )
  return found?.ahead ?? 0
}

export interface TaskFilter {
  states?: number[]
  method?: string
  owner_id?: number
  /** Only tasks without a parent. */
  top?: boolean
}

/** Newest first. Each state is asked for by itself: of several at once no index knows the order. */
export async function listTaskRows(
  db: Reader,
  { states, ...filter }: TaskFilter,
  before: number | undefined,
  limit: number,
): Promise<TaskRow[]> {
  if (!states) return rowsOfState(db, filter, undefined, before, limit)
  const rows: TaskRow[] = []
  for (const state of states) rows.push(...(await rowsOfState(db, filter, state, before, limit)))
  return rows.sort((a, b) => b.id - a.id).slice(0, limit)
}

function rowsOfState(
  db: Reader,
  filter: Omit<TaskFilter, 'states'>,
  state: number | undefined,
  before: number | undefined,
  limit: number,
): Promise<TaskRow[]> {
  const conditions: (SQL | undefined)[] = [
    state === undefined ? undefined : eq(task.state, state),
    filter.method === undefined ? undefined : eq(task.method, filter.method),
    filter.owner_id === undefined ? undefined : eq(task.owner_id, filter.owner_id),
    filter.top ? eq(task.parent_id, 0) : undefined,
    before === undefined ? undefined : lt(task.id, before),
  ]
  return db
    .select()
    .from(task)
    .where(and(...conditions))
    .orderBy(desc(task.id))
    .limit(limit)
}

export function unendedChildren(db: Reader, parent_id: number) {
  return db
    .select()
    .from(task)
    .where(and(eq(task.parent_id, parent_id), notInArray(task.state, ENDED_STATES)))
}

export function aliveBuilders(db: Reader, since: number): Promise<BuilderRow[]> {
  return db
    .select()
    .from(builder)
    .where(and(eq(builder.enabled, true), gte(builder.last_seen_at, since)))
}

export async function anyAlive(db: Reader, kind: string, since: number): Promise<boolean> {
  const rows = await db
    .select()
    .from(program)
    .where(and(eq(program.kind, kind), gte(program.last_seen_at, since)))
    .limit(1)
  return rows.length > 0
}

export async function countByState(db: Reader): Promise<Map<number, number>> {
  const rows = await db
    .select({ state: task.state, n: count() })
    .from(task)
    .where(inArray(task.state, [taskState.FREE, taskState.OPEN]))
    .groupBy(task.state)
  return new Map(rows.map((row) => [row.state, row.n]))
}

/** The task that waits longest for somebody to take it; those that are put off are not due. */
export async function oldestFree(db: Reader, now: number): Promise<TaskRow | undefined> {
  const [row] = await db
    .select()
    .from(task)
    .where(and(eq(task.state, taskState.FREE), lte(task.not_before, now)))
    .orderBy(asc(task.not_before))
    .limit(1)
  return row
}

/** Ends a task's own state; nothing happens when it has ended already. */
export async function endTask(
  tx: Tx,
  id: number,
  set: Partial<typeof task.$inferInsert>,
  lease?: string,
): Promise<TaskRow | undefined> {
  const [row] = await tx
    .update(task)
    .set({ ...set, lease: null, lease_until: null, unique_key: null, waiting: false })
    .where(
      and(
        eq(task.id, id),
        notInArray(task.state, ENDED_STATES),
        lease === undefined ? undefined : eq(task.lease, lease),
      ),
    )
    .returning()
  return row
}
