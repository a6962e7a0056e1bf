/** One task from claim to finish: its folder, its log, its method, its report. */
import { join } from 'node:path'
import type { Reason } from '../kernel/reason.ts'
import { reason } from '../kernel/reason.ts'
import { buildArch } from './arch.ts'
import type { Client } from './client.ts'
import type { BuilderConfig } from './config.ts'
import { BuildFailure, Dropped } from './failure.ts'
import { type LogFindings, scanLog } from './log-scan.ts'
import type { ClaimedTask, Finish } from './protocol.ts'
import type { Identity } from './sandbox.ts'
import type { Scratch } from './scratch.ts'
import { buildSrpm } from './srpm.ts'
import { openTaskLog } from './task-log.ts'
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
}

type Outcome = Omit<Finish, 'lease'>

/** Programs that ended with a status, of which the log may tell more. */
const UNTOLD = new Set(['build.rpmbuild-failed', 'build.mock-failed', 'build.srpm-failed'])

/** What is not the build's fault is the builder's: the portal may try elsewhere (code build.builder-error). */
function whyFailed(error: unknown): Reason {
  if (error instanceof BuildFailure) return error.reason
  const message = error instanceof Error ? error.message : String(error)
  return reason('build.builder-error', { message: message.slice(0, 500) })
}

/** A better reason, where the log tells more than a program's exit status. */
function untold(why: Reason, { missing_requirements: missing }: LogFindings): Reason {
  if (!UNTOLD.has(why.code) || missing.length === 0) return why
  return reason('build.requirements-missing', { count: missing.length, names: missing.join(', ') })
}

async function perform(work: Work): Promise<Outcome> {
  try {
    const method = methods[work.task.method]
    if (!method)
      throw new BuildFailure('build.method-unknown', { method: work.task.method.slice(0, 100) })
    return { outcome: 'ok', result: await method(work) }
  } catch (error) {
    if (error instanceof Dropped || work.signal.aborted)
      throw new Dropped('dropped', { cause: error })
    const found = await scanLog(work.log.path)
    const why = untold(whyFailed(error), found)
    work.log.say(`failed: ${why.code} ${JSON.stringify(why.params)}`)
    return { outcome: 'failed', reason: why, highlights: found.highlights }
  }
}

/**
 * Does the task and reports it.
 * @returns what became of it, for the builder's own log
 */
export async function runJob(input: JobInput): Promise<'ok' | 'failed' | 'dropped'> {
  const { client, task, stop, scratch } = input
  const folder = await scratch.create(input.identity)
  const send = (offset: number, bytes: Uint8Array<ArrayBuffer>) =>
    client.sendLog(task, offset, bytes, stop.signal)
  const log = openTaskLog(join(folder.path, 'log'), send, () => stop.abort())
  try {
    const outcome = await perform({ ...input, folder, log, signal: stop.signal })
    await log.end()
    await client.finish(task, outcome, stop.signal)
    return outcome.outcome
  } catch (error) {
    if (error instanceof Dropped || stop.signal.aborted) return 'dropped'
    throw error
  } finally {
    log.drop()
    await scratch.remove(folder)
  }
}
