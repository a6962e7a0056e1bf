/**
 * The worker program: claims tasks, hands events to their subscribers, sends mail, frees the tasks of
 * silent holders, starts pushes that are due, and forgets what has had its term. Any number of workers may run.
 */

import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { createApp, taskHandlers } from './app.ts'
import { type Chore, chores } from './chores.ts'
import { SECOND_MS } from './kernel/clock.ts'
import type { App } from './kernel/context.ts'
import { endWithParent } from './kernel/parent.ts'
import { Pulse } from './kernel/pulse.ts'
import { CRAWL_CHANNEL } from './mirrors/crawls.ts'
import { claimTask } from './tasks/leases.ts'
import { runTask } from './tasks/runner.ts'
import { WORKER_CHANNEL } from './tasks/task.ts'

/** Tasks at once in one worker; they wait for other programs most of the time. */
const CONCURRENCY = 4
/** Mirrors looked at at once; most of that is waiting for them. */
const CRAWLS_AT_ONCE = 12
/** Longest pause between two looks of an idle worker: for what becomes due without anybody's doing. */
const IDLE_MS = SECOND_MS
/** Crawls come in flocks, and nobody waits for one. */
const CRAWL_IDLE_MS = 5 * SECOND_MS

async function keepDoing(app: App, pulse: Pulse, chore: Chore, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { seen } = pulse
    try {
      await chore.run(app)
    } catch (error) {
      app.log.error({ err: error, chore: chore.name }, 'chore failed')
    }
    await sleep(chore.every_ms, undefined, { signal }).catch(() => {})
    if (chore.quiet_ms !== undefined) await pulse.wait(seen, chore.quiet_ms - chore.every_ms)
  }
}

interface Claiming {
  name: string
  channel: string
  /** Tasks at once. */
  slots: number
  idle_ms: number
}

/** Takes tasks of a channel while there are slots, and does them side by side. One look for all slots. */
async function keepClaiming(
  app: App,
  pulse: Pulse,
  { name, channel, slots, idle_ms }: Claiming,
  signal: AbortSignal,
): Promise<void> {
  const claimer = { name, channels: [channel], arches: ['noarch'] }
  const running = new Set<Promise<void>>()
  while (!signal.aborted) {
    const { seen } = pulse
    try {
      const task = running.size < slots ? await claimTask(app, claimer) : undefined
      if (task) {
        const run = runTask(app, taskHandlers, task)
          .catch((error) => app.log.error({ err: error, task_id: task.id }, 'task not ended'))
          .finally(() => running.delete(run))
        running.add(run)
      } else if (running.size >= slots) await Promise.race(running)
      else await pulse.wait(seen, idle_ms)
    } catch (error) {
      app.log.error({ err: error }, 'claimer failed')
      await sleep(SECOND_MS, undefined, { signal }).catch(() => {})
    }
  }
  await Promise.all(running)
}

/** Runs until the signal; tasks in hand are finished first. */
export async function runWorker(app: App, signal: AbortSignal): Promise<void> {
  const name = `worker:${hostname()}-${process.pid}`
  const pulse = new Pulse()
  const channels = [
    { name, channel: WORKER_CHANNEL, slots: CONCURRENCY, idle_ms: IDLE_MS },
    { name, channel: CRAWL_CHANNEL, slots: CRAWLS_AT_ONCE, idle_ms: CRAWL_IDLE_MS },
  ]
  await Promise.all([
    pulse.run(app.database, signal),
    ...channels.map((each) => keepClaiming(app, pulse, each, signal)),
    ...chores(app, name).map((chore) => keepDoing(app, pulse, chore, signal)),
  ])
}

if (import.meta.main) {
  endWithParent()
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  const app = createApp({ program: 'worker' })
  await app.database.migrate()
  await runWorker(app, stop.signal)
  await app.database.close()
}
