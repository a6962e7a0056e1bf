/**
 * Does claimed pushes as a worker does, in a process of its own, so that its memory and its event loop are theirs
 * and not those of what made the release. Takes its environment as JSON and a message for each push.
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

let now = 0
const env = JSON.parse(process.argv[2] ?? '') as Record<string, string>
const app = createApp({ config: readConfig(env), overrides: { clock: { now: () => now } } })
app.database.now = async () => now

process.on('message', async (work: PushWork) => {
  now = work.now
  process.send?.(await doPush(work.task))
})
process.on('disconnect', () => app.database.close())

async function doPush(task: TaskRow): Promise<PushDone> {
  const blocks = monitorEventLoopDelay({ resolution: 1 })
  blocks.enable()
  let rss = 0
  const watch = setInterval(() => {
    rss = Math.max(rss, process.memoryUsage.rss())
  }, RSS_EVERY_MS)
  const begun = performance.now()
  const steps: Record<string, number> = {}
  await runTask(app, new Map([['push', timing(must(taskHandlers.get('push')), steps)]]), task)
  const push_s = (performance.now() - begun) / 1000
  clearInterval(watch)
  blocks.disable()
  return { push_s, block_ms: blocks.max / 1e6, rss, steps }
}

/** The push's handler, with the time of each step. */
function timing(handler: TaskHandler, steps: Record<string, number>): TaskHandler {
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
