/** Builds: submit, register by NVR, complete, fail; lists and single views. */
import { and, eq, inArray } from 'drizzle-orm'
import { build, pkg, rpm } from '../../db/schema/builds.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { chunks } from '../kernel/chunks.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { decodeCursor, encodeCursor } from '../kernel/http.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { type Claim, claimBinaries } from '../packages/binaries.ts'
import { findPackage, openPackage, type PackageRow } from '../packages/owners.ts'
import { createTask, type TaskRow } from '../tasks/tasks.ts'
import {
  type BuildPayload,
  buildState,
  RETRIABLE_STATES,
  type Source,
  type SrpmResult,
} from './build.ts'
import {
  type BuildFilter,
  type BuildRow,
  buildRows,
  buildsOfFiles,
  findBuild,
  findBuildOfTask,
  packageRows,
  rpmsOfBuilds,
  taggedOfPackage,
} from './queries.ts'
import { getTarget, tagsOfBuild } from './tags.ts'

export type { PackageRow } from '../packages/owners.ts'
export type { BuildRow, RpmRow } from './queries.ts'
export { buildsById, findBuild, findBuildById, rpmsOfBuilds } from './queries.ts'

export interface BuildRequest {
  target: string
  source: Source
  /** For people: a package name, an address, a file name. */
  label: string
  /** Smaller goes first; the seed builds go behind what people ask for. */
  priority?: number
  /** While a build of this key has not ended, no second one is made. */
  unique_key?: string
  /** Only the system seeds a release. */
  bootstrap?: boolean
}

/** Queues a build. @throws PortalError target.unknown, account.* */
export async function submitBuild(ctx: Ctx, request: BuildRequest): Promise<TaskRow> {
  requireRole(ctx, 'packager', 'package')
  await getTarget(ctx.app.db, request.target)
  return transaction(ctx, async (tx) => {
    const task = await createTask(tx, ctx, {
      method: 'build',
      label: request.label.slice(0, 300),
      payload: {
        target: request.target,
        source: request.source,
        bootstrap: request.bootstrap === true && ctx.actor.kind === 'system',
      },
      ...(request.priority !== undefined && { priority: request.priority }),
      ...(request.unique_key !== undefined && { unique_key: request.unique_key }),
    })
    await audit(tx, ctx, {
      action: 'build.submitted',
      subject: `task:${task.id}`,
      details: { target: request.target, source: request.source.kind, label: request.label },
    })
    return task
  })
}

/** Where a source came from, in a line for people. */
export function describeSource(source: Source): string {
  if (source.kind === 'git') return `${source.url}#${source.ref}`
  return source.kind === 'srpm' ? source.filename : source.spec
}

/** What `slipway build <package>` builds the next time. */
function packageSource(source: Source) {
  if (source.kind === 'git') return source
  return source.kind === 'files' ? { kind: 'content' as const } : null
}

/**
 * Takes an NVR for a task's build, once and for ever; one that failed or was canceled may be tried
 * again. Asked again for the same task, it returns the same build.
 * @throws PortalError build.nvr-exists, package.not-owner
 */
export async function registerBuild(
  tx: Tx,
  ctx: Ctx,
  task: TaskRow,
  { target, source, bootstrap }: BuildPayload,
  srpm: SrpmResult,
): Promise<BuildRow> {
  const nvr = `${srpm.name}-${srpm.version}-${srpm.release}`
  const origin = packageSource(source)
  const { id: package_id } = await openPackage(tx, ctx, srpm.name, origin, task.owner_id)
  const values = {
    package_id,
    name: srpm.name,
    epoch: srpm.epoch,
    version: srpm.version,
    release: srpm.release,
    nvr,
    state: buildState.BUILDING as number,
    task_id: task.id,
    target,
    source: describeSource(source),
    owner_id: task.owner_id,
    bootstrap,
    reason: null,
    created_at: ctx.app.clock.now(),
    completed_at: null,
  }
  const [made] = await tx.insert(build).values(values).onConflictDoNothing().returning()
  if (made) {
    await emit(tx, ctx, 'build.started', `build:${nvr}`, { task_id: task.id })
    return made
  }
  const existing = await findBuild(tx, nvr)
  if (existing?.task_id === task.id) return existing
  const [again] = await tx
    .update(build)
    .set(values)
    .where(and(eq(build.nvr, nvr), inArray(build.state, RETRIABLE_STATES)))
    .returning()
  if (!again) throw new PortalError('build.nvr-exists', { params: { nvr } })
  await emit(tx, ctx, 'build.started', `build:${nvr}`, { task_id: task.id })
  return again
}

export type NewRpm = Omit<typeof rpm.$inferInsert, 'id' | 'build_id' | 'created_at'>

/**
 * Records what came of a build and that it is done. Doing it twice changes nothing.
 * @throws PortalError build.refused when a package of its has a name or a file that another build has
 */
export async function completeBuild(
  tx: Tx,
  ctx: Ctx,
  row: BuildRow,
  rpms: NewRpm[],
  about: { summary: string; description: string },
): Promise<BuildRow> {
  const now = ctx.app.clock.now()
  const [done] = await tx
    .update(build)
    .set({ state: buildState.COMPLETE, completed_at: now, ...about })
    .where(and(eq(build.id, row.id), eq(build.state, buildState.BUILDING)))
    .returning()
  if (!done) return row
  const binaries = rpms.filter(({ arch }) => arch !== 'src').map(({ name }) => name)
  await claimBinaries(tx, ctx, claimOf(row, [...new Set(binaries)]))
  for (const part of chunks(rpms))
    await tx
      .insert(rpm)
      .values(part.map((each) => ({ ...each, build_id: row.id, created_at: now })))
      .onConflictDoNothing()
  const reasons = await filesOfOthers(
    tx,
    row.id,
    rpms.map(({ filename }) => filename),
  )
  if (reasons.length > 0) throw new PortalError('build.refused', { reasons })
  await tx.update(pkg).set({ summary: about.summary }).where(eq(pkg.id, row.package_id))
  await emit(tx, ctx, 'build.finished', `build:${row.nvr}`, { state: 'COMPLETE', name: row.name })
  return done
}

/** A build's claim to the names of its binary packages. */
export const claimOf = ({ package_id, name, owner_id }: BuildRow, names: string[]): Claim => ({
  ...{ package: { id: package_id, name }, names, owner_id },
})

/** Files that another build has: a package of its own version that was not raised, mostly. */
async function filesOfOthers(tx: Tx, build_id: number, filenames: string[]): Promise<Reason[]> {
  return (await buildsOfFiles(tx, filenames))
    .filter((each) => each.build_id !== build_id)
    .map(({ filename, nvr }) => reason('build.file-taken', { filename, nvr }))
}

/** Notes that a task's build came to nothing. */
export async function endBuildOfTask(
  tx: Tx,
  ctx: Ctx,
  task_id: number,
  state: 'FAILED' | 'CANCELED',
  why: Reason | null,
): Promise<void> {
  const row = await findBuildOfTask(tx, task_id)
  if (!row || row.state !== buildState.BUILDING) return
  await tx
    .update(build)
    .set({ state: buildState[state], reason: why, completed_at: ctx.app.clock.now() })
    .where(and(eq(build.id, row.id), eq(build.state, buildState.BUILDING)))
  await emit(tx, ctx, 'build.finished', `build:${row.nvr}`, { state, name: row.name })
}

/** @throws PortalError not-found */
export async function viewBuild(ctx: Ctx, nvr: string) {
  const { db } = ctx.app
  const row = await findBuild(db, nvr)
  if (!row) throw new PortalError('not-found')
  return {
    build: row,
    rpms: await rpmsOfBuilds(db, [row.id]),
    tags: await tagsOfBuild(db, row.id),
  }
}

/** Newest first. */
export async function listBuilds(
  ctx: Ctx,
  input: BuildFilter & { cursor?: string | undefined; limit: number },
): Promise<{ items: BuildRow[]; next: string | null }> {
  const rows = await buildRows(ctx.app.db, input, decodeCursor(input.cursor), input.limit + 1)
  const items = rows.slice(0, input.limit)
  const last = items.at(-1)
  return { items, next: rows.length > input.limit && last ? encodeCursor(last.id) : null }
}

/** By name. The cursor is the last name. */
export async function listPackages(
  ctx: Ctx,
  input: { search?: string | undefined; cursor?: string | undefined; limit: number },
): Promise<{ items: PackageRow[]; next: string | null }> {
  const after = input.cursor && Buffer.from(input.cursor, 'base64url').toString()
  const rows = await packageRows(ctx.app.db, input.search, after, input.limit + 1)
  const items = rows.slice(0, input.limit)
  const last = items.at(-1)
  return { items, next: rows.length > input.limit && last ? encodeCursor(last.name) : null }
}

/** @throws PortalError package.unknown */
export async function getPackage(ctx: Ctx, name: string): Promise<PackageRow> {
  const row = await findPackage(ctx.app.db, name)
  if (!row) throw new PortalError('package.unknown', { params: { name } })
  return row
}

/** A package with its latest builds and where they are. @throws PortalError package.unknown */
export async function viewPackage(ctx: Ctx, name: string) {
  const row = await getPackage(ctx, name)
  const { items, next } = await listBuilds(ctx, { package: name, limit: 20 })
  return {
    package: row,
    builds: items,
    more: next !== null,
    tagged: await taggedOfPackage(ctx.app.db, row.id),
  }
}

/** Name of the build that a task makes, once its source has said it. */
export async function nvrOfTask(ctx: Ctx, task_id: number): Promise<string | null> {
  return (await findBuildOfTask(ctx.app.db, task_id))?.nvr ?? null
}
