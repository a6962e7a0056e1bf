/** Builders: registered with a token, heard of by heartbeats, given tasks over HTTP. */
import { createHash } from 'node:crypto'
import { and, asc, eq } from 'drizzle-orm'
import { builder } from '../../db/schema/tasks.ts'
import { requireRole } from '../kernel/access.ts'
import { type AuditAction, audit } from '../kernel/audit.ts'
import type { Actor, App, Ctx } from '../kernel/context.ts'
import { isUniqueViolation } from '../kernel/db.ts'
import { invalid, PortalError } from '../kernel/errors.ts'
import { newToken } from '../kernel/random.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { isRpmArch } from '../kernel/rpm-name.ts'
import { transaction } from '../kernel/transaction.ts'
import {
  type BuilderState,
  builderState,
  DRIVERS,
  effectiveGrant,
  type Grant,
  isResting,
  MAX_CAPACITY,
  whyIdle,
} from './builder.ts'
import { claimTask, heldTask, renewLease } from './leases.ts'
import { type BuilderRow, heldBy, heldByBuilders } from './queries.ts'
import { builderHolder, isWorkerChannel, LEASE_MS } from './task.ts'
import type { TaskRow } from './tasks.ts'

export { builderState } from './builder.ts'
export type { BuilderRow } from './queries.ts'

const hashToken = (token: string) => createHash('sha256').update(token).digest('hex')

const LONGEST_LIST = 50
const WORD = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

/** @throws PortalError input.invalid for what no builder can have */
function checkGrant(grant: Partial<Grant>): void {
  const lists = ['arches', 'channels', 'drivers'] as const
  for (const field of lists) {
    const words = grant[field] ?? []
    const allowed = { arches: isRpmArch, channels: isBuilderChannel, drivers: isDriver }[field]
    const odd =
      words.length > LONGEST_LIST ? `${words.length}` : words.find((each) => !allowed(each))
    if (odd !== undefined) throw invalid(field, reason('builder.grant', { value: odd }))
  }
  const { capacity } = grant
  if (
    capacity !== undefined &&
    !(Number.isInteger(capacity) && capacity >= 0 && capacity <= MAX_CAPACITY)
  )
    throw invalid('capacity', reason('builder.capacity', { most: MAX_CAPACITY }))
}

const isDriver = (word: string) => DRIVERS.includes(word)
const isBuilderChannel = (word: string) => WORD.test(word) && !isWorkerChannel(word)

const grantColumns = (grant: Partial<Grant>) => ({
  ...(grant.arches && { granted_arches: [...new Set(grant.arches)] }),
  ...(grant.channels && { granted_channels: [...new Set(grant.channels)] }),
  ...(grant.drivers && { granted_drivers: [...new Set(grant.drivers)] }),
  ...(grant.capacity !== undefined && { granted_capacity: grant.capacity }),
})

/** @returns the token, which is shown this once: only its hash is kept */
export async function addBuilder(ctx: Ctx, name: string, grant: Grant): Promise<string> {
  requireRole(ctx, 'admin', 'admin')
  if (!/^[a-z0-9][a-z0-9.-]{0,62}$/.test(name)) throw invalid('name', reason('builder.name'))
  checkGrant(grant)
  const token = newToken(ctx.app.random, 'slb_')
  try {
    await transaction(ctx, async (tx) => {
      await tx.insert(builder).values({
        name,
        token_hash: hashToken(token),
        ...grantColumns(grant),
        arches: [],
        channels: [],
        drivers: [],
        missing: [],
        created_at: ctx.app.clock.now(),
      })
      await audit(tx, ctx, {
        action: 'builder.added',
        subject: `builder:${name}`,
        details: { ...grant },
      })
    })
  } catch (error) {
    if (isUniqueViolation(error)) throw invalid('name', reason('builder.name-taken', { name }))
    throw error
  }
  return token
}

/** Changes what a builder may do; what is left out stays. @throws PortalError not-found, input.invalid */
export async function setGrant(ctx: Ctx, name: string, grant: Partial<Grant>): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  checkGrant(grant)
  const set = grantColumns(grant)
  if (Object.keys(set).length === 0) return
  await changeBuilder(ctx, name, 'builder.granted', set, { ...grant })
}

/** Lets a builder in again, and forgets its faults; or refuses it from now on. */
export async function setEnabled(ctx: Ctx, name: string, enabled: boolean): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  const well = enabled && { fault: null, faults: 0, rests_until: null }
  const action = enabled ? 'builder.enabled' : 'builder.disabled'
  await changeBuilder(ctx, name, action, { enabled, ...well })
}

async function changeBuilder(
  ctx: Ctx,
  name: string,
  action: AuditAction,
  set: Partial<typeof builder.$inferInsert>,
  details?: Record<string, unknown>,
): Promise<void> {
  await transaction(ctx, async (tx) => {
    const changed = await tx.update(builder).set(set).where(eq(builder.name, name)).returning()
    if (changed.length === 0) throw new PortalError('not-found')
    await audit(tx, ctx, { action, subject: `builder:${name}`, ...(details && { details }) })
  })
}

/** Forgets a builder; its token ends, and what it held is given to others when its leases are over. */
export async function removeBuilder(ctx: Ctx, name: string): Promise<void> {
  requireRole(ctx, 'admin', 'admin')
  await transaction(ctx, async (tx) => {
    const gone = await tx.delete(builder).where(eq(builder.name, name)).returning()
    if (gone.length === 0) throw new PortalError('not-found')
    await audit(tx, ctx, { action: 'builder.removed', subject: `builder:${name}` })
  })
}

/** A new token for a builder whose old one is lost; the old one ends. */
export async function renewBuilderToken(ctx: Ctx, name: string): Promise<string> {
  requireRole(ctx, 'admin', 'admin')
  const token = newToken(ctx.app.random, 'slb_')
  await changeBuilder(ctx, name, 'builder.token-renewed', { token_hash: hashToken(token) })
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
  bounds?: string[] | undefined
  tasks: { id: number; lease: string; progress?: string | undefined }[]
}

/** @returns the tasks that the builder holds no longer and must stop */
export async function heartbeat(ctx: Ctx, row: BuilderRow, beat: Heartbeat) {
  const { tasks, bounds, ...facts } = beat
  await transaction(ctx, (tx) =>
    tx
      .update(builder)
      .set({ ...facts, ...(bounds && { bounds }), last_seen_at: ctx.app.clock.now() })
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

/** One task that this builder may take: granted, within its tools, and not while it rests. */
export async function claimForBuilder(ctx: Ctx, id: number): Promise<TaskRow | undefined> {
  const { app } = ctx
  const [row] = await app.db.select().from(builder).where(eq(builder.id, id))
  if (!row?.enabled || isResting(row, app.clock.now())) return undefined
  const { arches, channels, drivers, capacity } = effectiveGrant(row)
  if (arches.length === 0 || channels.length === 0 || drivers.length === 0) return undefined
  const name = builderHolder(row.name)
  if ((await heldBy(app.db, name)).length >= capacity) return undefined
  return claimTask(app, {
    name,
    channels,
    arches: ['noarch', ...arches],
    drivers: ['', ...drivers],
  })
}

export function listBuilders(ctx: Ctx): Promise<BuilderRow[]> {
  return ctx.app.db.select().from(builder).orderBy(asc(builder.name))
}

export interface BuilderView {
  row: BuilderRow
  state: BuilderState
  running: { id: number; method: string; label: string; arch: string }[]
  effective: Grant
  why_idle: Reason[]
}

/** Each builder with what it may do, what it does, and why it does nothing. */
export async function viewBuilders(ctx: Ctx): Promise<BuilderView[]> {
  const now = ctx.app.clock.now()
  const held = await heldByBuilders(ctx.app.db)
  return (await listBuilders(ctx)).map((row) => {
    const running = held.filter((each) => each.claimed_by === builderHolder(row.name))
    return {
      row,
      state: builderState(row, now),
      running: running.map(({ id, method, label, arch }) => ({ id, method, label, arch })),
      effective: effectiveGrant(row),
      why_idle: whyIdle(row, running.length, now),
    }
  })
}

/** Why nothing can be built now, whatever it is; empty while one builder can build. */
export async function buildingFaults(ctx: Ctx): Promise<Reason[]> {
  const now = ctx.app.clock.now()
  const online = (await listBuilders(ctx)).filter((row) => builderState(row, now) === 'online')
  if (online.length === 0) return [reason('task.no-builder')]
  if (online.some((row) => effectiveGrant(row).drivers.length > 0)) return []
  return online.flatMap((row) => whyIdle(row, 0, now))
}
