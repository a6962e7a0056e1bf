/** Ends programs of a portal with SIGKILL, at moments that a seed decides, while they are at work. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Api, Task } from '../support/api.ts'
import type { Portal, ProgramName } from '../support/portal.ts'
import { until } from '../support/until.ts'

/** Numbers from 0 to 1, the same for the same seed (mulberry32, public domain, by T. Ettinger). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface Kill {
  program: ProgramName
  /** What it held then: method and step. */
  held: string[]
}

/** Tasks that a program holds now; undefined while the web is away. */
async function heldBy(api: Api, program: ProgramName): Promise<Task[] | undefined> {
  const open = await api.all<Task>('/api/tasks?state=OPEN').catch(() => undefined)
  return open?.filter((task) => task.holder?.startsWith(`${program}:`))
}

/** A task is given up after 5 attempts, which is the rule; so none is hit more often than this. */
const MOST_HITS = 2

/** What each program is caught at, in turn: a method, or a step of a push. */
const targets = {
  worker: ['trees', 'switch', 'importBuild', 'check', 'settlePush', 'sign', 'publish', 'switch'],
  builder: ['buildArch', 'buildSRPM', 'buildArch'],
}

/** Longest wait after a moment has come, so that kills spread over what goes on then. */
const SPREAD_MS = { worker: 250, builder: 900 }

const describe = (task: Task) => `${task.method} ${task.progress?.note ?? ''}`.trim()

/** Kills one program so many times, each at a random moment of something that it does. */
export async function killAtWork(
  portal: Portal,
  api: Api,
  program: 'worker' | 'builder',
  times: number,
  random: () => number,
): Promise<Kill[]> {
  const kills: Kill[] = []
  while (kills.length < times) {
    const target = targets[program][kills.length % targets[program].length] ?? ''
    await caughtAt(api, program, target)
    await sleep(random() * SPREAD_MS[program])
    const held = (await heldBy(api, program)) ?? []
    if (held.length === 0 || held.some((task) => task.attempts > MOST_HITS)) continue
    if (await killed(portal, program)) kills.push({ program, held: held.map(describe) })
  }
  return kills
}

/** Waits until a program does this; after a while, until it does anything. */
async function caughtAt(api: Api, program: ProgramName, target: string): Promise<void> {
  const choosy_until = performance.now() + 20_000
  const atWork = async () => {
    const held = await heldBy(api, program)
    if (!held?.length || held.some((task) => task.attempts > MOST_HITS)) return false
    const choosy = performance.now() < choosy_until
    return !choosy || held.some((task) => describe(task).includes(target))
  }
  await until(`${program} at ${target}`, atWork, 90_000, 10)
}

/** Kills the web program so many times, whatever goes on. */
export async function killWeb(portal: Portal, times: number, random: () => number) {
  const kills: Kill[] = []
  while (kills.length < times) {
    await sleep(5000 + random() * 15_000)
    if (await killed(portal, 'web')) kills.push({ program: 'web', held: [] })
  }
  return kills
}

/** @returns whether there was something to kill; it has ended then, and its next start has begun */
async function killed(portal: Portal, program: ProgramName): Promise<boolean> {
  const pid = portal.pidOf(program)
  if (pid === undefined) return false
  process.kill(pid, 'SIGKILL')
  await until(`the next ${program}`, () => {
    const next = portal.pidOf(program)
    return next !== undefined && next !== pid
  })
  return true
}
