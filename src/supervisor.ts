/**
 * Keeps a machine's programs running. Imports nothing of the portal: it lives as long as the portal does, and what
 * it needs to know is told to it once, as a plan.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from './kernel/paths.ts'

export interface Program {
  name: string
  /** Script, from the checkout's root where it is not absolute. */
  script: string
  /** For Node. */
  flags?: string[]
  env?: Record<string, string>
}

/** What `slipway up` made ready, as it crosses from the process that did. */
export interface Plan {
  programs: Program[]
  /** Of every program, over the supervisor's own. */
  env: Record<string, string>
  /** Address that answers when the portal does. */
  health_url: string
  /** Lines to print then. */
  notes: string[]
}

const STOP_PATIENCE_MS = 10_000
const SLOWEST_RESTART_MS = 10_000
/** A program that ran for this long did not fail at start. */
const HEALTHY_MS = 30_000

/** Runs the programs of a plan until this process is told to stop. */
export async function supervise(plan: Plan): Promise<void> {
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort())
  const running = plan.programs.map((program) => keepRunning(plan, program, stop.signal))
  void announce(plan, stop.signal)
  await Promise.all(running)
}

/** Prints the notes when the portal answers. */
async function announce({ health_url, notes }: Plan, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const answered = await fetch(health_url, { signal }).then(
      (response) => response.ok,
      () => false,
    )
    if (answered) break
    await sleep(50, undefined, { signal }).catch(() => {})
  }
  for (const note of notes) process.stdout.write(`${note}\n`)
}

/** Starts a program again whenever it ends, more slowly the more often it fails at start. */
async function keepRunning(plan: Plan, program: Program, signal: AbortSignal): Promise<void> {
  let wait_ms = 200
  while (!signal.aborted) {
    const started = performance.now()
    const child = spawn(
      process.execPath,
      [...(program.flags ?? []), resolve(root, program.script)],
      {
        cwd: root,
        env: { ...process.env, ...plan.env, ...program.env },
        // The channel closes when this process is gone, and the program ends too: see kernel/parent.ts.
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      },
    )
    const code = await ended(child, signal)
    if (signal.aborted) return
    warn(program.name, code)
    wait_ms =
      performance.now() - started > HEALTHY_MS ? 200 : Math.min(wait_ms * 2, SLOWEST_RESTART_MS)
    await sleep(wait_ms, undefined, { signal }).catch(() => {})
  }
}

/** A line as the programs' own logs have them (pino's, 40 is a warning). */
function warn(program: string, code: number | null): void {
  const line = { level: 40, time: Date.now(), name: 'up', program, code }
  process.stdout.write(
    `${JSON.stringify({ ...line, msg: 'program ended; it is started again' })}\n`,
  )
}

/** Waits for a program's end; a stop is passed on, and insisted upon when patience ends. */
function ended(child: ChildProcess, signal: AbortSignal): Promise<number | null> {
  return new Promise((resolve_) => {
    const stop = () => {
      child.kill('SIGTERM')
      setTimeout(() => child.kill('SIGKILL'), STOP_PATIENCE_MS).unref()
    }
    signal.addEventListener('abort', stop, { once: true })
    child.once('error', () => resolve_(null))
    child.once('exit', (code) => {
      signal.removeEventListener('abort', stop)
      resolve_(code)
    })
  })
}
