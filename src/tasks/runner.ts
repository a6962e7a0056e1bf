/** Runs one claimed task with its handler: renews the lease, ends it, or gives it back. */
import type { App, Ctx } from '../kernel/context.ts'
import { PortalError } from '../kernel/errors.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { sayError } from '../kernel/words.ts'
import type { RunEnd, TaskHandler, TaskRun } from './handler.ts'
import { assertHeld, freeTask, renewLease, retryTask, suspendTask } from './leases.ts'
import { logLine } from './logs.ts'
import { LEASE_MS, type Progress } from './task.ts'
import { finishTask, type TaskRow } from './tasks.ts'

/** @param handlers by method; a task without one fails, with that reason */
export async function runTask(
  app: App,
  handlers: ReadonlyMap<string, TaskHandler>,
  task: TaskRow,
): Promise<void> {
  const ctx: Ctx = {
    app,
    actor: { kind: 'system', name: task.method },
    requestId: `task-${task.id}`,
  }
  const stop = new AbortController()
  const renewing = keepLease(app, task, stop)
  try {
    const end = await runHandler(ctx, handlers.get(task.method), task, stop.signal)
    await conclude(ctx, task, end)
  } catch (error) {
    await afterError(ctx, task, error)
  } finally {
    clearInterval(renewing)
  }
}

function keepLease(app: App, task: TaskRow, stop: AbortController): NodeJS.Timeout {
  const renew = async () => {
    const held = await renewLease(app, task.id, task.lease ?? '')
    if (!held) stop.abort()
  }
  return setInterval(() => {
    renew().catch((error) => app.log.warn({ err: error, task_id: task.id }, 'lease not renewed'))
  }, LEASE_MS / 3)
}

async function runHandler(
  ctx: Ctx,
  handler: TaskHandler | undefined,
  task: TaskRow,
  signal: AbortSignal,
): Promise<RunEnd> {
  if (!handler)
    return { kind: 'failed', reason: reason('task.no-handler', { method: task.method }) }
  const payload = handler.payload.safeParse(task.payload)
  if (!payload.success) {
    const message = payload.error.message
    return { kind: 'failed', reason: reason('task.payload', { message }) }
  }
  return handler.run(createRun(ctx, task, payload.data, signal))
}

function createRun(
  ctx: Ctx,
  task: TaskRow,
  payload: unknown,
  signal: AbortSignal,
): TaskRun<unknown> {
  const { app } = ctx
  const lease = task.lease ?? ''
  const renewOrThrow = async (progress?: Progress) => {
    if (!(await renewLease(app, task.id, lease, progress)))
      throw new PortalError('task.lease-lost', { params: { id: task.id } })
  }
  return {
    ctx,
    task,
    payload,
    signal,
    log: (line) => logLine(app, task.id, `${new Date(app.clock.now()).toISOString()} ${line}`),
    progress: (done, total, note) =>
      renewOrThrow({ done, total, ...(note !== undefined && { note }) }),
    transaction: (work) =>
      transaction(ctx, async (tx) => {
        await assertHeld(tx, ctx, task)
        return work(tx)
      }),
  }
}

async function conclude(ctx: Ctx, task: TaskRow, end: RunEnd): Promise<void> {
  if (end.kind === 'rest') {
    // Children that ended in the meantime leave nothing to wait for: run again at once.
    const resting = await suspendTask(ctx.app, task.id, task.lease ?? '')
    if (!resting) await freeTask(ctx.app, task)
    return
  }
  await transaction(ctx, (tx) => finishTask(tx, ctx, task.id, task.lease ?? '', end))
}

async function afterError(ctx: Ctx, task: TaskRow, error: unknown): Promise<void> {
  const { app } = ctx
  if (error instanceof PortalError && error.code === 'task.lease-lost') return
  if (error instanceof PortalError && error.status < 500) {
    // A rule refused; trying again would not change its mind.
    const [own] = error.details.reasons ?? []
    const message = sayError(app.words.in('en'), error)
    const why = own ?? reason('task.refused', { code: error.code, message })
    const end = { kind: 'failed' as const, reason: why }
    await transaction(ctx, (tx) => finishTask(tx, ctx, task.id, task.lease ?? '', end))
    return
  }
  const message = String(error)
  app.log.warn({ err: error, task_id: task.id, method: task.method }, 'task broke')
  await logLine(app, task.id, `${new Date(app.clock.now()).toISOString()} ${message}`)
  await retryTask(app, ctx, task, reason('task.broke', { message }))
}
