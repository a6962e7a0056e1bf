/** A task: states, how leases and attempts decide, and what it waits for. Pure. */
import { MINUTE_MS, SECOND_MS } from '../kernel/clock.ts'
import { type Reason, reason } from '../kernel/reason.ts'

/** Koji's names and numbers (koji/__init__.py, TASK_STATES). */
export const taskState = {
  FREE: 0,
  OPEN: 1,
  CLOSED: 2,
  CANCELED: 3,
  ASSIGNED: 4,
  FAILED: 5,
} as const

export type TaskStateName = keyof typeof taskState

export const taskStateNames = Object.keys(taskState) as TaskStateName[]

export const ENDED_STATES: number[] = [taskState.CLOSED, taskState.CANCELED, taskState.FAILED]

export function taskStateName(state: number): TaskStateName {
  return taskStateNames.find((name) => taskState[name] === state) ?? 'FREE'
}

/** True numbers of work done, no guesses: `total` is 0 where nobody knows how much there is. */
export interface Progress {
  done: number
  total: number
  note?: string
}

/** How a task names the builder that holds it. */
export const builderHolder = (name: string) => `builder:${name}`

/** Channel of the tasks that workers run, unless a room has one of its own below it. */
export const WORKER_CHANNEL = 'worker'

/** A channel of this name, or that begins with it, is for workers: no builder gets its tasks. */
export const isWorkerChannel = (channel: string) => channel.startsWith(WORKER_CHANNEL)

/** A holder that is silent for this long has lost its task. */
export const LEASE_MS = 15 * SECOND_MS

/** A builder or worker is alive when it was seen within this time. */
export const ALIVE_MS = 30 * SECOND_MS

export const DEFAULT_PRIORITY = 20
export const DEFAULT_MAX_ATTEMPTS = 5

/** Wait before the next attempt after `attempts` ones that broke: 1 s, 4 s, 16 s, 64 s, then 5 min. */
export function retryDelayMs(attempts: number): number {
  return Math.min(SECOND_MS * 4 ** Math.max(0, attempts - 1), 5 * MINUTE_MS)
}

/** What is known about a task and the queue when one asks why it does not run. */
export interface WaitFacts {
  task: {
    state: number
    arch: string
    channel: string
    driver: string
    not_before: number
    waiting: boolean
  }
  now: number
  /** Enabled builders seen within ALIVE_MS, by what is granted and can be done. */
  builders: {
    arches: string[]
    channels: string[]
    capacity: number
    drivers: string[]
    resting: boolean
  }[]
  /** Whether any worker was seen within ALIVE_MS. */
  workerAlive: boolean
  /** Tasks of the same arch and channel that go first. */
  ahead: number
  /** Children that have not ended. */
  openChildren: { id: number; method: string; label: string }[]
}

/** Why a task that has not ended is not running; empty when it runs or ended. */
export function waitsFor(facts: WaitFacts): Reason[] {
  const { task } = facts
  if (ENDED_STATES.includes(task.state)) return []
  if (task.waiting)
    return facts.openChildren.map((child) =>
      reason('task.child', { id: child.id, method: child.method, label: child.label }),
    )
  if (task.state !== taskState.FREE) return []
  const reasons: Reason[] = []
  if (task.not_before > facts.now) {
    const wait_s = Math.ceil((task.not_before - facts.now) / SECOND_MS)
    reasons.push(reason('task.retry', { wait_s }))
  }
  if (isWorkerChannel(task.channel)) {
    if (!facts.workerAlive) reasons.push(reason('task.no-worker'))
  } else reasons.push(...builderReasons(facts))
  if (facts.ahead > 0) reasons.push(reason('task.queue', { ahead: facts.ahead }))
  return reasons
}

/** Whether a builder may take tasks of an arch; noarch ones go to any builder of the channel. */
export function builderFits(
  builder: { arches: string[]; channels: string[] },
  task: { arch: string; channel: string },
): boolean {
  return (
    builder.channels.includes(task.channel) &&
    (task.arch === 'noarch' || builder.arches.includes(task.arch))
  )
}

function builderReasons({ task, builders }: WaitFacts): Reason[] {
  if (builders.length === 0) return [reason('task.no-builder')]
  const fitting = builders.filter((each) => builderFits(each, task))
  if (fitting.length === 0)
    return [reason('task.no-builder-for', { arch: task.arch, channel: task.channel })]
  if (fitting.every((each) => each.drivers.length === 0)) return [reason('task.builder-tools')]
  const able = fitting.filter((each) => task.driver === '' || each.drivers.includes(task.driver))
  if (able.length === 0) return [reason('task.no-driver', { driver: task.driver })]
  if (able.every((each) => each.resting)) return [reason('task.builders-rest')]
  return []
}
