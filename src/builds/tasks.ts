/**
 * The `build` task: source package, then one task an arch, then the import that signs and stores. It
 * holds nothing in memory: each time it runs it finds its place by the children that are there.
 */

import { describeRelease } from '../distribution/releases.ts'
import type { App } from '../kernel/context.ts'
import type { Subscriber } from '../kernel/events.ts'
import { reason } from '../kernel/reason.ts'
import {
  closed,
  failed,
  type RunEnd,
  rest,
  type TaskHandler,
  type TaskRun,
} from '../tasks/handler.ts'
import { taskState, taskStateName } from '../tasks/task.ts'
import { childTasks, createTask, getTask, type TaskRow } from '../tasks/tasks.ts'
import {
  archesToBuild,
  archResultSchema,
  type BuildPayload,
  buildPayloadSchema,
  type SrpmResult,
  srpmResultSchema,
  whyNoArch,
} from './build.ts'
import { endBuildOfTask, registerBuild } from './builds.ts'
import { getTarget } from './tags.ts'

/** Builders listen on it unless they are told otherwise. */
export const BUILD_CHANNEL = 'default'

type Run = TaskRun<BuildPayload>

export const buildTask: TaskHandler<BuildPayload> = {
  method: 'build',
  payload: buildPayloadSchema,
  async run(run) {
    const children = await childTasks(run.ctx.app.db, run.task.id)
    const broken = children.find((child) => isBroken(child))
    if (broken) return failBecauseOf(broken)
    const srpm = children.find((child) => child.method === 'buildSRPM')
    if (!srpm) return startSrpm(run)
    if (srpm.state !== taskState.CLOSED) return rest
    const made = srpmResultSchema.safeParse(srpm.result)
    if (!made.success) return failed(reason('build.result', { message: made.error.message }))
    const arches = children.filter((child) => child.method === 'buildArch')
    if (arches.length === 0) return startArches(run, made.data)
    if (arches.some((child) => child.state !== taskState.CLOSED)) return rest
    const unusable = arches
      .map((child) => archResultSchema.safeParse(child.result).error)
      .find(Boolean)
    if (unusable) return failed(reason('build.result', { message: unusable.message.slice(0, 500) }))
    const imported = children.find((child) => child.method === 'importBuild')
    if (!imported) return startImport(run, made.data)
    return imported.state === taskState.CLOSED ? closed(imported.result) : rest
  },
}

/** Who packages say they come from. */
function distributor({ distribution: { vendor, packager, build_host } }: App) {
  return { vendor, packager: packager ?? vendor, ...(build_host && { build_host }) }
}

const isBroken = (child: TaskRow) =>
  child.state === taskState.FAILED || child.state === taskState.CANCELED

/** The child's own reason, so that nobody has to look below for it. */
function failBecauseOf(child: TaskRow): RunEnd {
  const fallback = reason('build.child', {
    id: child.id,
    method: child.method,
    state: taskStateName(child.state),
  })
  return {
    kind: 'failed',
    reason: child.reason ?? fallback,
    highlights: child.highlights ?? [],
    result: { failed_task: child.id },
  }
}

async function startSrpm(run: Run): Promise<RunEnd> {
  const { ctx, task, payload } = run
  const { release } = await getTarget(ctx.app.db, payload.target)
  const { dist } = describeRelease(ctx.app, release)
  await run.transaction((tx) =>
    createTask(tx, ctx, {
      method: 'buildSRPM',
      label: task.label,
      payload: { source: payload.source, dist, distribution: distributor(ctx.app) },
      parent_id: task.id,
      channel: BUILD_CHANNEL,
      priority: task.priority,
      unique_key: `${task.id}:srpm`,
    }),
  )
  return rest
}

async function startArches(run: Run, srpm: SrpmResult): Promise<RunEnd> {
  const { ctx, task, payload } = run
  const { release } = await getTarget(ctx.app.db, payload.target)
  const { dist, driver, arches: offered } = describeRelease(ctx.app, release)
  const arches = archesToBuild(srpm, offered)
  if (arches.length === 0) return failed(whyNoArch(srpm, offered))
  await run.transaction(async (tx) => {
    const row = await registerBuild(tx, ctx, task, payload, srpm)
    for (const arch of arches)
      await createTask(tx, ctx, {
        method: 'buildArch',
        label: row.nvr,
        payload: {
          ...{ srpm: srpm.outputs[0], arch, dist, driver, repos: [] },
          distribution: distributor(ctx.app),
        },
        parent_id: task.id,
        arch,
        channel: BUILD_CHANNEL,
        driver,
        priority: task.priority,
        unique_key: `${task.id}:arch:${arch}`,
      })
  })
  return rest
}

async function startImport(run: Run, srpm: SrpmResult): Promise<RunEnd> {
  const { ctx, task, payload } = run
  await run.transaction(async (tx) => {
    const row = await registerBuild(tx, ctx, task, payload, srpm)
    await createTask(tx, ctx, {
      method: 'importBuild',
      label: row.nvr,
      payload: { build_id: row.id },
      parent_id: task.id,
      priority: task.priority,
      unique_key: `${task.id}:import`,
    })
  })
  return rest
}

/** A build row follows its task: whatever ended the task without a result ends the build. */
export const buildFollowsTask: Subscriber = {
  name: 'build-follows-task',
  types: ['task.ended'],
  async handle(tx, ctx, event) {
    if (event.payload.method !== 'build') return
    const task = await getTask(tx, Number(event.subject.split(':')[1]))
    if (!task) return
    if (task.state === taskState.FAILED)
      await endBuildOfTask(tx, ctx, task.id, 'FAILED', task.reason)
    if (task.state === taskState.CANCELED) await endBuildOfTask(tx, ctx, task.id, 'CANCELED', null)
  },
}
