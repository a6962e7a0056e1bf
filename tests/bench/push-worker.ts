/**
 * Does one claimed task as a worker does, in a process of its own, so that its memory and its event loop are the
 * push's and not those of what made the release. Takes a `PushWork` as its argument, prints a `PushDone`.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createApp, taskHandlers } from '../../src/app.ts'
import { readConfig } from '../../src/kernel/config.ts'
import { must } from '../../src/kernel/must.ts'
import type { TaskHandler } from '../../src/tasks/handler.ts'
import { runTask } from '../../src/tasks/runner.ts'
import type { TaskRow } from '../../src/tasks/tasks.ts'
import { pushSteps } from '../../src/updates/push.ts'

export interface PushWork {
  task: TaskRow
  /** Of the app that claimed the task. */
  env: Record<string, string>
  /** What its clock says. */
  now: number
}

export interface PushDone {
  push_s: number
  /** Longest time that the event loop stood still. */
  block_ms: number
  /** Most memory that the process had, bytes; what its tools had is not in it. */
  rss: number
  /** Seconds of each step. */
  steps: Record<string, number>
}

const RSS_EVERY_MS = 20

const { task, env, now } = JSON.parse(process.argv[2] ?? '') as PushWork
const started = performance.now()
const app = createApp({
  config: readConfig(env),
  overrides: { clock: { now: () => now + Math.floor(performance.now() - started) } },
})
app.database.now = async () => app.clock.now()
const blocks = monitorEventLoopDelay({ resolution: 1 })
blocks.enable()
let rss = 0
const watch = setInterval(() => {
  rss = Math.max(rss, process.memoryUsage.rss())
}, RSS_EVERY_MS)
const begun = performance.now()
const steps: Record<string, number> = {}
await runTask(app, new Map([['push', timing(must(taskHandlers.get('push')))]]), task)
const push_s = (performance.now() - begun) / 1000
clearInterval(watch)
blocks.disable()
const done: PushDone = { push_s, block_ms: blocks.max / 1e6, rss, steps }
process.stdout.write(`${JSON.stringify(done)}\n`)
await app.database.close()

/** The push's handler, with the time of each step. */
function timing(handler: TaskHandler): TaskHandler {
  return {
    ...handler,
    run: async (run) => {
      let step = ''
      let since = performance.now()
      const note = (next: string) => {
        if (step !== '') steps[step] = (performance.now() - since) / 1000 + (steps[step] ?? 0)
        step = next
        since = performance.now()
      }
      const end = await handler.run({
        ...run,
        log: async (line) => {
          if ((pushSteps as readonly string[]).includes(line)) note(line)
          await run.log(line)
        },
      })
      note('')
      return end
    },
  }
}
