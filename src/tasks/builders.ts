/** Builders: registered with a token, heard of by heartbeats, given tasks over HTTP. */
import { createHash } from 'node:crypto'
import { and, asc, eq } from 'drizzle-orm'
import { builder } from '../../db/schema/tasks.ts'
import { audit } from '../kernel/audit.ts'
import type { Actor, App, Ctx } from '../kernel/context.ts'
import { isUniqueViolation } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { newToken } from '../kernel/random.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { claimTask, heldTask, renewLease } from './leases.ts'
import type { BuilderRow } from './queries.ts'
import { ALIVE_MS, builderHolder, isWorkerChannel, LEASE_MS } from './task.ts'
import type { TaskRow } from './tasks.ts'

export type { BuilderRow } from './queries.ts'

const hashToken = (token: string) => createHash('sha256').update(token).digest('hex')

/** @returns the token, which is shown this once: only its hash is kept */
export async function addBuilder(ctx: Ctx, name: string): Promise<string> {
  if (!/^[a-z0-9][a-z0-9.-]{0,62}$/.test(name)) throw invalid('name', reason('builder.name'))
  const token = newToken(ctx.app.random, 'slb_')
  try {
    await transaction(ctx, async (tx) => {
      await tx.insert(builder).values({
        name,
        token_hash: hashToken(token),
        arches: [],
        channels: [],
        drivers: [],
        missing: [],
        created_at: ctx.app.clock.now(),
      })
      await audit(tx, ctx, { action: 'builder.added', subject: `builder:${name}` })
    })
  } catch (error) {
    if (isUniqueViolation(error)) throw invalid('name', reason('builder.name-taken', { name }))
    throw error
  }
  return token
}

/** A new token for a builder whose old one is lost; the old one ends. */
export async function renewBuilderToken(ctx: Ctx, name: string): Promise<string> {
  const token = newToken(ctx.app.random, 'slb_')
  await transaction(ctx, async (tx) => {
    const changed = await tx
      .update(builder)
      .set({ token_hash: hashToken(token) })
      .where(eq(builder.name, name))
      .returning()
    if (changed.length === 0) throw new PortalError('not-found')
    await audit(tx, ctx, { action: 'builder.token-renewed', subject: `builder:${name}` })
  })
  return token
}

/** @throws PortalError builder.token-invalid */
export async function builderOfToken(
  app: App,
  authorization: string | undefined,
): Promise<BuilderRow> {
  const token = /^Bearer (slb_[\w-]+)$/.exec(authorization ?? '')?.[1]
  const [row] = token
    ? await app.db
        .select()
        .from(builder)
        .where(and(eq(builder.token_hash, hashToken(token)), eq(builder.enabled, true)))
    : []
  if (!row) throw new PortalError('builder.token-invalid')
  return row
}

export function builderActor(row: BuilderRow): Actor {
  return { kind: 'builder', id: row.id, name: row.name }
}

export interface Heartbeat {
  version: string
  arches: string[]
  channels: string[]
  capacity: number
  drivers: string[]
  missing: string[]
  tasks: { id: number; lease: string; progress?: string | undefined }[]
}

/** @returns the tasks that the builder holds no longer and must stop */
export async function heartbeat(ctx: Ctx, row: BuilderRow, beat: Heartbeat) {
  const { tasks, ...facts } = beat
  await transaction(ctx, (tx) =>
    tx
      .update(builder)
      .set({ ...facts, last_seen_at: ctx.app.clock.now() })
      .where(eq(builder.id, row.id)),
  )
  const cancel: number[] = []
  for (const { id, lease, progress } of tasks) {
    const note = progress === undefined ? undefined : { done: 0, total: 0, note: progress }
    const held = await heldTask(ctx, id, lease).then(
      () => renewLease(ctx.app, id, lease, note),
      () => false,
    )
    if (!held) cancel.push(id)
  }
  return { lease_ms: LEASE_MS, cancel }
}

/** One task that this builder may take, by what it said of itself last. */
export async function claimForBuilder(ctx: Ctx, id: number): Promise<TaskRow | undefined> {
  const [row] = await ctx.app.db.select().from(builder).where(eq(builder.id, id))
  if (!row?.enabled || row.drivers.length === 0) return undefined
  return claimTask(ctx.app, {
    name: builderHolder(row.name),
    // A builder says itself which channels it listens on; workers' are not for it.
    channels: row.channels.filter((channel) => !isWorkerChannel(channel)),
    arches: ['noarch', ...row.arches],
  })
}

export function listBuilders(ctx: Ctx): Promise<BuilderRow[]> {
  return ctx.app.db.select().from(builder).orderBy(asc(builder.name))
}

/** As `state.builder.<state>` names it. */
export function builderState(row: BuilderRow, now: number): 'online' | 'silent' | 'disabled' {
  if (!row.enabled) return 'disabled'
  return row.last_seen_at !== null && now - row.last_seen_at <= ALIVE_MS ? 'online' : 'silent'
}

/** Why nothing can be built now, whatever it is; empty while one builder can build. */
export async function buildingFaults(ctx: Ctx): Promise<Reason[]> {
  const now = ctx.app.clock.now()
  const online = (await listBuilders(ctx)).filter((row) => builderState(row, now) === 'online')
  if (online.length === 0) return [reason('task.no-builder')]
  if (online.some((row) => row.drivers.length > 0)) return []
  return online.map(({ name, missing }) =>
    reason('builder.lacks', { name, missing: missing.join(', ') }),
  )
}
