/** What a room offers to the worker: a method's name, the shape of its payload, and what to do. */
import type { z } from 'zod'
import type { Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import type { Reason } from '../kernel/reason.ts'
import type { Outcome, TaskRow } from './tasks.ts'

/** What a handler may do with the task it holds. */
export interface TaskRun<Payload> {
  ctx: Ctx
  task: TaskRow
  payload: Payload
  /** Aborted when the lease is lost: stop, write nothing more. */
  signal: AbortSignal
  log(line: string): Promise<void>
  progress(done: number, total: number, note?: string): Promise<void>
  /** A transaction that commits only while this run still holds the task. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
}

/**
 * How a run ends. `rest`: when its children have ended, the handler runs again from the start and finds
 * its way by what is there. A handler that throws an unforeseen error is tried again up to the cap.
 */
export type RunEnd = Outcome | { kind: 'rest' }

export interface TaskHandler<Payload = unknown> {
  method: string
  payload: z.ZodType<Payload>
  run(run: TaskRun<Payload>): Promise<RunEnd>
}

export const closed = (result: unknown = null): RunEnd => ({ kind: 'closed', result })
export const failed = (reason: Reason): RunEnd => ({ kind: 'failed', reason })
export const rest: RunEnd = { kind: 'rest' }
