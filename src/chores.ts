/** What the worker does again and again beside the tasks. */
import { purgeUnverified } from './accounts/sign-ups.ts'
import { subscribers } from './app.ts'
import { queueDueComposes } from './downloads/composes.ts'
import { removeWithdrawn } from './downloads/downloads.ts'
import { refreshSources } from './downloads/sources.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from './kernel/clock.ts'
import { type App, systemCtx } from './kernel/context.ts'
import { createMailTransport, sendDueMail } from './kernel/mail.ts'
import { forgetEvents, forgetMail } from './kernel/retention.ts'
import { deliverAgain, deliverAll } from './kernel/subscribers.ts'
import { purgeArrivals } from './mirrors/arrivals.ts'
import { purgeChecks, queueDueCrawls } from './mirrors/crawls.ts'
import { refreshRsyncd } from './mirrors/masters.ts'
import { publishSnapshot } from './mirrors/snapshots.ts'
import { purgeCrawls } from './mirrors/tasks.ts'
import { recordReadiness } from './releases/progress.ts'
import { reapLeases } from './tasks/leases.ts'
import { forgetPrograms, noteProgram } from './tasks/programs.ts'
import { forgetTasks } from './tasks/retention.ts'
import { purgeIncoming } from './tasks/uploads.ts'
import { askWhereDue } from './updates/autopush.ts'
import { expireOverrides } from './updates/overrides.ts'
import { mendPublished, startDuePushes } from './updates/pushes.ts'

/** Starts of programs that ended longer ago say nothing to anyone. */
const PROGRAMS_MS = 7 * DAY_MS

export interface Chore {
  name: string
  /** Pause after each time. */
  every_ms: number
  /** Pause while nothing is committed, for a chore that mostly follows from what others write. */
  quiet_ms?: number
  run(app: App): Promise<unknown>
}

/** A failure of one is logged and does not stop the others. @param worker name of the program that does them */
export function chores(app: App, worker: string): Chore[] {
  return [...often(app, worker), ...publishing(app), ...seldom(app), ...forgetting(app)]
}

function often(app: App, worker: string): Chore[] {
  const mail = createMailTransport(app)
  return [
    { name: 'alive', every_ms: 5 * SECOND_MS, run: () => noteProgram(app, worker, 'worker') },
    { name: 'leases', every_ms: SECOND_MS, run: () => reapLeases(systemCtx(app, 'leases')) },
    {
      ...{ name: 'events', every_ms: 50, quiet_ms: SECOND_MS },
      run: async () => {
        await deliverAll(app, subscribers)
        await deliverAgain(app, subscribers)
      },
    },
    {
      ...{ name: 'mail', every_ms: SECOND_MS, quiet_ms: 10 * SECOND_MS },
      run: () => sendDueMail(app, mail),
    },
  ]
}

function publishing(app: App): Chore[] {
  return [
    {
      ...{ name: 'snapshot', every_ms: 3 * SECOND_MS, quiet_ms: 15 * SECOND_MS },
      run: () => publishSnapshot(app),
    },
    {
      ...{ name: 'pushes', every_ms: 2 * SECOND_MS, quiet_ms: 5 * SECOND_MS },
      run: () => startDuePushes(systemCtx(app, 'schedule')),
    },
    {
      ...{ name: 'composes', every_ms: 5 * SECOND_MS, quiet_ms: 15 * SECOND_MS },
      run: () => queueDueComposes(systemCtx(app, 'composes')),
    },
    {
      ...{ name: 'master', every_ms: 5 * SECOND_MS, quiet_ms: 15 * SECOND_MS },
      run: () => refreshRsyncd(systemCtx(app, 'master')),
    },
    {
      ...{ name: 'crawls', every_ms: 15 * SECOND_MS },
      run: () => queueDueCrawls(systemCtx(app, 'crawls')),
    },
  ]
}

function seldom(app: App): Chore[] {
  return [
    {
      ...{ name: 'autopush', every_ms: 30 * SECOND_MS },
      run: () => askWhereDue(systemCtx(app, 'autopush')),
    },
    {
      ...{ name: 'overrides', every_ms: MINUTE_MS },
      run: () => expireOverrides(systemCtx(app, 'overrides')),
    },
    {
      ...{ name: 'sources', every_ms: 10 * MINUTE_MS },
      run: () => refreshSources(systemCtx(app, 'sources')),
    },
    { name: 'links', every_ms: 5 * MINUTE_MS, run: () => mendPublished(app) },
    { name: 'readiness', every_ms: 10 * MINUTE_MS, run: () => recordReadiness(app) },
  ]
}

function forgetting(app: App): Chore[] {
  const hourly = (name: string, run: () => Promise<unknown>) => ({ name, every_ms: HOUR_MS, run })
  const { clock } = app
  return [
    {
      ...{ name: 'ended crawls', every_ms: 10 * MINUTE_MS },
      run: () => purgeCrawls(systemCtx(app, 'ended-crawls')),
    },
    hourly('incoming', () => purgeIncoming(systemCtx(app, 'incoming'))),
    hourly('withdrawn', () => removeWithdrawn(systemCtx(app, 'images'))),
    hourly('evidence', () => purgeChecks(systemCtx(app, 'evidence'))),
    hourly('arrivals', () => purgeArrivals(systemCtx(app, 'arrivals'))),
    hourly('sign-ups', () => purgeUnverified(systemCtx(app, 'sign-ups'))),
    hourly('old events', () => forgetEvents(app, subscribers)),
    hourly('old letters', () => forgetMail(app)),
    hourly('old tasks', () => forgetTasks(systemCtx(app, 'old-tasks'))),
    hourly('old programs', () => forgetPrograms(app, clock.now() - PROGRAMS_MS)),
  ]
}
