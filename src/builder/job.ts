/** One task from claim to finish: its folder, its log, its method, its report. */

import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type Reason, reason } from '../kernel/reason.ts'
import { buildArch } from './arch.ts'
import type { Client } from './client.ts'
import { type BuilderConfig, lowerLimits } from './config.ts'
import { BuilderFault, BuildFailure, Dropped } from './failure.ts'
import { type LogFindings, scanLog } from './log-scan.ts'
import {
  limits as askedLimits,
  type ClaimedTask,
  distributed,
  distributor,
  type Finish,
  type Limits,
  type Return,
} from './protocol.ts'
import type { Identity } from './sandbox.ts'
import type { Say } from './say.ts'
import type { Scratch, TaskFolder } from './scratch.ts'
import { buildSrpm } from './srpm.ts'
import { openTaskLog } from './task-log.ts'
import { limitReason } from './watch.ts'
import type { Work } from './work.ts'

const methods: Record<string, (work: Work) => Promise<NonNullable<Finish['result']>>> = {
  buildSRPM: buildSrpm,
  buildArch,
}

export interface JobInput {
  config: BuilderConfig
  client: Client
  scratch: Scratch
  identity: Identity | undefined
  task: ClaimedTask
  /** Dropped when aborted: nothing more is sent. */
  stop: AbortController
  progress: (words: string) => void
  /** Aborted when the whole builder stops: the task is given back. */
  stopping: AbortSignal
  say: Say
}

type Outcome = Omit<Finish, 'lease'>

/** A stopping builder waits no longer than this for a portal that may be away. */
const giveBack_ms = 3000
/** Without so much beyond the reserve nothing is begun. */
const leastRoom_bytes = 16 * 1024 ** 2

/** Programs that ended with a status, of which the log may tell more. */
const UNTOLD = new Set(['build.rpmbuild-failed', 'build.mock-failed', 'build.srpm-failed'])

/** What is not the build's fault is the builder's: the portal gives the task to another. */
function faultOf(error: unknown): Reason {
  if (error instanceof BuilderFault) return error.reason
  const message = error instanceof Error ? error.message : String(error)
  return reason('build.builder-error', { message: message.slice(0, 500) })
}

/** A better reason, where the log tells more than a program's exit status. */
function untold(why: Reason, { missing_requirements: missing }: LogFindings): Reason {
  if (!UNTOLD.has(why.code) || missing.length === 0) return why
  return reason('build.requirements-missing', { count: missing.length, names: missing.join(', ') })
}

/** Seconds that the whole task may take, from its first input to its last output. */
function budgetOf({ config, task }: JobInput): Limits {
  const asked = z.object({ limits: askedLimits.optional() }).safeParse(task.payload)
  return lowerLimits(config.limits, asked.data?.limits)
}

/**
 * No build may take more than the disk has: one that tries has exceeded a limit, and the builder is well.
 * @throws BuilderFault when there is not even room to begin
 */
async function withinDisk(config: BuilderConfig, { path }: TaskFolder): Promise<Limits> {
  const { bavail, bsize } = await statfs(path)
  const room_bytes = bavail * bsize - config.reserve_disk_bytes
  if (room_bytes < leastRoom_bytes)
    throw new BuilderFault('build.scratch-full', {
      free_mib: Math.floor((bavail * bsize) / 1024 ** 2),
    })
  return { ...config.limits, disk_bytes: Math.min(config.limits.disk_bytes, room_bytes) }
}

/** Whether the log could not be written: a plain error, where other ends bring an AbortError. */
const isBroken = (signal: AbortSignal) =>
  signal.aborted && (signal.reason as Error).name !== 'AbortError'

async function perform(work: Work, called_off: AbortSignal): Promise<Outcome> {
  try {
    const method = methods[work.task.method]
    if (!method)
      throw new BuildFailure('build.method-unknown', { method: work.task.method.slice(0, 100) })
    return { outcome: 'ok', result: await method(work) }
  } catch (error) {
    if (isBroken(work.signal)) throw work.signal.reason
    if (called_off.aborted || (error instanceof Dropped && !work.signal.aborted))
      throw new Dropped('dropped', { cause: error })
    const late = work.signal.aborted
    if (!late && !(error instanceof BuildFailure)) throw error
    const found = await scanLog(work.log.path)
    const why = late ? work.overtime : untold((error as BuildFailure).reason, found)
    work.log.say(`failed: ${why.code} ${JSON.stringify(why.params)}`)
    return { outcome: 'failed', reason: why, highlights: found.highlights }
  }
}

/** Does the task in its folder and reports it. @throws what is the builder's own fault */
async function doTask(input: JobInput, folder: TaskFolder): Promise<'ok' | 'failed'> {
  const { client, task, stop } = input
  const limits = budgetOf(input)
  const overtime = limitReason('time_s', limits)
  const budget = new AbortController()
  // setTimeout counts to 2^31 ms at most.
  const timer = setTimeout(() => budget.abort(), Math.min(limits.time_s * 1000, 2 ** 31 - 1))
  const broken = new AbortController()
  const signal = AbortSignal.any([stop.signal, budget.signal, broken.signal])
  const send = (offset: number, bytes: Uint8Array<ArrayBuffer>) =>
    client.sendLog(task, offset, bytes, stop.signal)
  const log = openTaskLog(join(folder.path, 'log'), send, {
    notSent: () => stop.abort(),
    notWritten: (error) => broken.abort(error),
  })
  try {
    const config = { ...input.config, limits: await withinDisk(input.config, folder) }
    const { distribution = distributor.parse({}) } = distributed.safeParse(task.payload).data ?? {}
    const work = { ...input, config, folder, log, signal, overtime, distribution }
    const outcome = await perform(work, stop.signal)
    if (broken.signal.aborted) throw broken.signal.reason
    await log.end()
    await client.finish(task, outcome, stop.signal)
    return outcome.outcome
  } finally {
    clearTimeout(timer)
    log.drop()
  }
}

/** Gives the task back, so that nobody waits for the lease to end. */
async function giveBack({ client, task, say }: JobInput, how: Return): Promise<void> {
  await client.giveBack(task, how, giveBack_ms).catch((error: Error) => {
    say('not given back', { id: task.id, error: error.message })
  })
}

/**
 * Does the task and reports it, or gives it back.
 * @returns what became of it, for the builder's own log
 */
export async function runJob(input: JobInput): Promise<'ok' | 'failed' | 'dropped' | 'returned'> {
  const { stop, scratch, stopping } = input
  let folder: TaskFolder | undefined
  try {
    folder = await scratch.create(input.identity)
    return await doTask(input, folder)
  } catch (error) {
    if (stopping.aborted) {
      await giveBack(input, { kind: 'stopping' })
      return 'returned'
    }
    if (error instanceof Dropped || stop.signal.aborted) return 'dropped'
    const fault = faultOf(error)
    input.say('own fault', { id: input.task.id, fault: JSON.stringify(fault) })
    await giveBack(input, { kind: 'fault', reason: fault })
    return 'returned'
  } finally {
    if (folder) await scratch.remove(folder)
  }
}
