/** Tasks, the builders that claim them, and the programs that are alive. */
import { sql } from 'drizzle-orm'
import { bool, id, index, int, json, table, text, time, unique } from '../columns.ts'

export const task = table(
  'task',
  {
    id: id(),
    parent_id: int(),
    method: text().notNull(),
    /** What it is about, for people: an NVR, a package, a release. */
    label: text().notNull(),
    payload: json<unknown>().notNull(),
    arch: text().notNull(),
    channel: text().notNull(),
    /** Builder's driver that it needs; empty where any will do. */
    driver: text().notNull().default(''),
    /** Smaller goes first, as in Koji. */
    priority: int().notNull(),
    /** Koji's numbers: see src/tasks/task.ts. */
    state: int().notNull(),
    /** OPEN without a lease: its children work. */
    waiting: bool().notNull().default(false),
    attempts: int().notNull().default(0),
    max_attempts: int().notNull(),
    /** How often a builder gave it back for a fault of its own; such an attempt is not counted. */
    returns: int().notNull().default(0),
    lease: text(),
    lease_until: time(),
    claimed_by: text(),
    progress: json<{ done: number; total: number; note?: string }>(),
    result: json<unknown>(),
    reason: json<{ code: string; params: Record<string, string | number> }>(),
    highlights: json<{ line: number; text: string }[]>(),
    /** While a task of this key has not ended, no second one is made. */
    unique_key: text(),
    owner_id: int(),
    created_at: time().notNull(),
    not_before: time().notNull(),
    started_at: time(),
    ended_at: time(),
  },
  (t) => [
    index('task_queue').on(t.state, t.channel, t.arch, t.driver, t.priority, t.id),
    index('task_lease').on(t.state, t.lease_until),
    index('task_parent').on(t.parent_id, t.id),
    // Lists, newest first, by what one asks for.
    index('task_state').on(t.state, t.id),
    index('task_method').on(t.method, t.id),
    index('task_owner').on(t.owner_id, t.id),
    index('task_top').on(t.parent_id, t.state, t.id),
    index('task_due').on(t.state, t.not_before),
    index('task_ended').on(t.ended_at),
    unique('task_unique_key').on(t.unique_key).where(sql`unique_key is not null`),
  ],
)

export const builder = table(
  'builder',
  {
    id: id(),
    name: text().notNull(),
    token_hash: text().notNull(),
    enabled: bool().notNull().default(true),
    /** What the portal lets it do. */
    granted_arches: json<string[]>().notNull().default([]),
    granted_channels: json<string[]>().notNull().default([]),
    granted_drivers: json<string[]>().notNull().default([]),
    granted_capacity: int().notNull().default(0),
    /** What it says that it can. It does what is granted and can be done. */
    arches: json<string[]>().notNull(),
    channels: json<string[]>().notNull(),
    drivers: json<string[]>().notNull(),
    missing: json<string[]>().notNull(),
    capacity: int().notNull().default(0),
    version: text().notNull().default(''),
    /** What of its sandbox the kernel bounds: seccomp, memory, processes, io. */
    bounds: json<string[]>().notNull().default([]),
    /** Its own last fault, how many came one after another, and until when it gets no task because of them. */
    fault: json<{ code: string; params: Record<string, string | number> }>(),
    faults: int().notNull().default(0),
    rests_until: time(),
    created_at: time().notNull(),
    last_seen_at: time(),
  },
  (t) => [unique('builder_name').on(t.name), unique('builder_token').on(t.token_hash)],
)

/** Files that a builder sent for a task that it held; the bytes are in incoming/, by digest. */
export const upload = table(
  'upload',
  {
    id: id(),
    task_id: int().notNull(),
    filename: text().notNull(),
    sha256: text().notNull(),
    size_bytes: int().notNull(),
    created_at: time().notNull(),
  },
  (t) => [
    unique('upload_task_filename').on(t.task_id, t.filename),
    index('upload_sha256').on(t.sha256),
  ],
)

/** Workers that are alive, for /status. */
export const program = table('program', {
  name: text().primaryKey(),
  kind: text().notNull(),
  started_at: time().notNull(),
  last_seen_at: time().notNull(),
})
