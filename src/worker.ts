/**
 * The worker program: claims tasks, hands events to their subscribers, sends mail, frees the tasks of
 * silent holders, and starts pushes that are due. Any number of workers may run.
 */

import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { purgeUnverified } from './accounts/sign-ups.ts'
import { createApp, subscribers, taskHandlers } from './app.ts'
import { queueDueComposes } from './downloads/composes.ts'
import { removeWithdrawn } from './downloads/downloads.ts'
import { refreshSources } from './downloads/sources.ts'
import { HOUR_MS, MINUTE_MS, SECOND_MS } from './kernel/clock.ts'
import { type App, systemCtx } from './kernel/context.ts'
import { deliver } from './kernel/events.ts'
import { createMailTransport, sendDueMail } from './kernel/mail.ts'
import { endWithParent } from './kernel/parent.ts'
import { purgeArrivals } from './mirrors/arrivals.ts'
import { CRAWL_CHANNEL, purgeChecks, queueDueCrawls } from './mirrors/crawls.ts'
import { refreshRsyncd } from './mirrors/masters.ts'
import { publishSnapshot } from './mirrors/snapshots.ts'
import { purgeCrawls } from './mirrors/tasks.ts'
import { recordReadiness } from './releases/progress.ts'
import { claimTask, reapLeases } from './tasks/leases.ts'
import { noteProgram } from './tasks/programs.ts'
import { runTask } from './tasks/runner.ts'
import { WORKER_CHANNEL } from './tasks/task.ts'
import { purgeIncoming } from './tasks/uploads.ts'
import { askWhereDue } from './updates/autopush.ts'
import { expireOverrides } from './updates/overrides.ts'
import { mendPublished, startDuePushes } from './updates/pushes.ts'

/** Tasks at once in one worker; they wait for other programs most of the time. */
const CONCURRENCY = 4
/** Mirrors looked at at once; most of that is waiting for them. */
const CRAWLS_AT_ONCE = 12
/** Pause of an idle worker between looks. */
const IDLE_MS = 50
/** Crawls come in flocks, and nobody waits for one. */
const CRAWL_IDLE_MS = 2 * SECOND_MS

interface Chore {
  name: string
  every_ms: number
  run(app: App): Promise<unknown>
}

/** What is done again and again beside the tasks; a failure is logged and does not stop the others. */
function chores(app: App, worker: string): Chore[] {
  const mail = createMailTransport(app)
  return [
    { name: 'alive', every_ms: 5 * SECOND_MS, run: () => noteProgram(app, worker, 'worker') },
    { name: 'leases', every_ms: SECOND_MS, run: () => reapLeases(systemCtx(app, 'leases')) },
    {
      name: 'events',
      every_ms: 100,
      run: () => Promise.all(subscribers.map((subscriber) => deliver(app, subscriber))),
    },
    { name: 'mail', every_ms: SECOND_MS, run: () => sendDueMail(app, mail) },
    {
      name: 'autopush',
      every_ms: 30 * SECOND_MS,
      run: () => askWhereDue(systemCtx(app, 'autopush')),
    },
    {
      name: 'overrides',
      every_ms: MINUTE_MS,
      run: () => expireOverrides(systemCtx(app, 'overrides')),
    },
    {
      name: 'incoming',
      every_ms: HOUR_MS,
      run: () => purgeIncoming(systemCtx(app, 'incoming')),
    },
    { name: 'snapshot', every_ms: 3 * SECOND_MS, run: () => publishSnapshot(app) },
    {
      name: 'pushes',
      every_ms: 2 * SECOND_MS,
      run: () => startDuePushes(systemCtx(app, 'schedule')),
    },
    {
      name: 'composes',
      every_ms: 5 * SECOND_MS,
      run: () => queueDueComposes(systemCtx(app, 'composes')),
    },
    { name: 'links', every_ms: 5 * MINUTE_MS, run: () => mendPublished(app) },
    { name: 'withdrawn', every_ms: HOUR_MS, run: () => removeWithdrawn(systemCtx(app, 'images')) },
    {
      name: 'sources',
      every_ms: 10 * MINUTE_MS,
      run: () => refreshSources(systemCtx(app, 'sources')),
    },
    {
      name: 'crawls',
      every_ms: 15 * SECOND_MS,
      run: () => queueDueCrawls(systemCtx(app, 'crawls')),
    },
    { name: 'evidence', every_ms: HOUR_MS, run: () => purgeChecks(systemCtx(app, 'evidence')) },
    { name: 'arrivals', every_ms: HOUR_MS, run: () => purgeArrivals(systemCtx(app, 'arrivals')) },
    {
      name: 'ended crawls',
      every_ms: 10 * MINUTE_MS,
      run: () => purgeCrawls(systemCtx(app, 'ended-crawls')),
    },
    { name: 'master', every_ms: 5 * SECOND_MS, run: () => refreshRsyncd(systemCtx(app, 'master')) },
    { name: 'readiness', every_ms: 10 * MINUTE_MS, run: () => recordReadiness(app) },
    { name: 'sign-ups', every_ms: HOUR_MS, run: () => purgeUnverified(systemCtx(app, 'sign-ups')) },
  ]
}

async function keepDoing(app: App, chore: Chore, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await chore.run(app)
    } catch (error) {
      app.log.error({ err: error, chore: chore.name }, 'chore failed')
    }
    await sleep(chore.every_ms, undefined, { signal }).catch(() => {})
  }
}

/** One claimer: takes a task, does it, takes the next. */
async function keepClaiming(
  app: App,
  name: string,
  channel: string,
  signal: AbortSignal,
): Promise<void> {
  const idle_ms = channel === WORKER_CHANNEL ? IDLE_MS : CRAWL_IDLE_MS
  const claimer = { name, channels: [channel], arches: ['noarch'] }
  while (!signal.aborted) {
    try {
      const task = await claimTask(app, claimer)
      if (task) await runTask(app, taskHandlers, task)
      else await sleep(idle_ms, undefined, { signal }).catch(() => {})
    } catch (error) {
      app.log.error({ err: error }, 'claimer failed')
      await sleep(SECOND_MS, undefined, { signal }).catch(() => {})
    }
  }
}

/** Runs until the signal; tasks in hand are finished first. */
export async function runWorker(app: App, signal: AbortSignal): Promise<void> {
  const name = `worker:${hostname()}-${process.pid}`
  const claimers = [
    ...Array.from({ length: CONCURRENCY }, () => WORKER_CHANNEL),
    ...Array.from({ length: CRAWLS_AT_ONCE }, () => CRAWL_CHANNEL),
  ].map((channel) => keepClaiming(app, name, channel, signal))
  const others = chores(app, name).map((chore) => keepDoing(app, chore, signal))
  await Promise.all([...claimers, ...others])
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
