/** What people ask to build, however they ask (API, page, CLI), as a queued build. */

import { requireRole } from '../kernel/access.ts'
import type { Ctx } from '../kernel/context.ts'
import { PortalError } from '../kernel/errors.ts'
import { parseNvr } from '../kernel/evr.ts'
import { reason } from '../kernel/reason.ts'
import { contentPackages } from '../packages/names.ts'
import { requireMaintainer } from '../packages/owners.ts'
import type { TaskRow } from '../tasks/tasks.ts'
import { buildState, type Source } from './build.ts'
import { describeSource, getPackage, submitBuild } from './builds.ts'
import { seedBuildsOf } from './queries.ts'
import { takeContentSource, takeGitSource, takeUploadedSource } from './sources.ts'

export type AskedSource =
  | { package: string }
  | { url: string; ref: string }
  | { srpm: { filename: string; sha256: string; size_bytes: number } }

export type AskedBuild = AskedSource & { target?: string | undefined }

/** The target that is meant when nobody names one: that of the first release. */
export function defaultTarget(ctx: Ctx): string {
  const [first] = ctx.app.distribution.releases
  if (!first) throw new PortalError('target.unknown')
  return first.name
}

async function takeSource(ctx: Ctx, asked: AskedSource): Promise<Source> {
  const { app } = ctx
  if ('url' in asked) return takeGitSource(app, asked.url, asked.ref)
  if ('srpm' in asked) return takeUploadedSource(app, asked.srpm)
  if ((await contentPackages(app)).includes(asked.package))
    return takeContentSource(app, asked.package)
  const known = await getPackage(ctx, asked.package)
  if (known.source?.kind === 'git') return takeGitSource(app, known.source.url, known.source.ref)
  throw new PortalError('build.source-refused', {
    field: 'package',
    reasons: [reason('build.no-source', { name: asked.package })],
  })
}

/** Queues what was asked for. @throws PortalError that names the field at fault */
export async function requestBuild(ctx: Ctx, asked: AskedBuild): Promise<TaskRow> {
  requireRole(ctx, 'packager', 'package')
  // Only a git source says its name when it is built; who may is asked again then, for all of them.
  if ('package' in asked) await requireMaintainer(ctx.app.db, ctx, [asked.package], 'package')
  const named = 'srpm' in asked && parseNvr(asked.srpm.filename.replace(/\.src\.rpm$/, ''))
  if (named) await requireMaintainer(ctx.app.db, ctx, [named.name], 'srpm')
  const source = await takeSource(ctx, asked)
  const label = 'package' in asked ? asked.package : describeSource(source)
  return submitBuild(ctx, { target: asked.target ?? defaultTarget(ctx), source, label })
}

/**
 * Queues the distribution's own packages that have never been built; a second start queues nothing. A
 * package whose sources can't be taken is logged and does not hold up the others.
 * @returns how many were queued
 */
export async function seedPackages(ctx: Ctx): Promise<number> {
  let queued = 0
  for (const name of await contentPackages(ctx.app)) {
    const built = await getPackage(ctx, name).catch(() => undefined)
    if (built) continue
    try {
      await seedPackage(ctx, name)
      queued++
    } catch (error) {
      ctx.app.log.error({ err: error, package: name }, 'seed package not queued')
    }
  }
  return queued
}

async function seedPackage(ctx: Ctx, name: string): Promise<void> {
  await submitBuild(ctx, {
    target: defaultTarget(ctx),
    source: await takeContentSource(ctx.app, name),
    label: name,
    priority: 30,
    unique_key: `seed:${name}`,
    bootstrap: true,
  })
}

/** How far the first builds of the distribution's own packages are: true numbers, latest try of each. */
export async function seedProgress(
  ctx: Ctx,
): Promise<{ built: number; failed: number; total: number }> {
  const names = await contentPackages(ctx.app)
  const latest = new Map<string, number>()
  for (const { name, state } of await seedBuildsOf(ctx.app.db, names))
    if (latest.get(name) !== buildState.COMPLETE) latest.set(name, state)
  const states = [...latest.values()]
  return {
    built: states.filter((state) => state === buildState.COMPLETE).length,
    failed: states.filter((state) => state === buildState.FAILED).length,
    total: names.length,
  }
}
