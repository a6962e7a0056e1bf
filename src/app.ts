/**
 * The composition root: configuration, database, clock, words and distribution become one App, and
 * what rooms offer to the worker (task handlers, subscribers) is listed here.
 */
import { chmodSync, mkdirSync } from 'node:fs'
import { buildFollowsTask, buildTask } from './builds/tasks.ts'
import { composeFollowsTask, composeTask } from './downloads/compose-task.ts'
import { systemClock } from './kernel/clock.ts'
import { type Config, dataPath, readConfig } from './kernel/config.ts'
import type { App } from './kernel/context.ts'
import { openDatabase } from './kernel/db.ts'
import { readDistribution } from './kernel/distribution.ts'
import type { Subscriber } from './kernel/events.ts'
import { createLog } from './kernel/log.ts'
import { systemRandom } from './kernel/random.ts'
import { readOwnWords } from './kernel/words.ts'
import { listsFollowPush, listTask } from './mirrors/listings.ts'
import { crawlTask } from './mirrors/tasks.ts'
import { importTask } from './repos/import.ts'
import type { TaskHandler } from './tasks/handler.ts'
import { updateLetters } from './updates/mails.ts'
import { pushFollowsTask, pushTask } from './updates/push-task.ts'
import { settleTask } from './updates/settle-task.ts'

/** Every kind of task that a worker does, by method. */
export const taskHandlers: ReadonlyMap<string, TaskHandler> = new Map(
  [buildTask, importTask, pushTask, settleTask, crawlTask, listTask, composeTask].map((handler) => [
    handler.method,
    handler as TaskHandler,
  ]),
)

/** Who acts on what happened. */
export const subscribers: Subscriber[] = [
  buildFollowsTask,
  pushFollowsTask,
  listsFollowPush,
  composeFollowsTask,
  updateLetters,
]

export interface AppOptions {
  config?: Config
  /** Name in the log. */
  program?: string
  /** What a test replaces. */
  overrides?: Partial<App>
}

/** Opens everything. The caller migrates (`app.database.migrate()`) where it is the first to start. */
export function createApp(options: AppOptions = {}): App {
  const config = options.config ?? readConfig()
  mkdirSync(config.data_dir, { recursive: true })
  chmodSync(config.data_dir, 0o755)
  const { database_readers: readers, database_writers: writers } = config
  const file = dataPath(config, 'slipway.db')
  const database = openDatabase(file, config.database_url, { readers, writers })
  return {
    config,
    clock: systemClock,
    random: systemRandom,
    log: createLog(options.program ?? 'slipway', config.log_level),
    words: readOwnWords(config),
    distribution: readDistribution(config.content_dir),
    database,
    db: database.reader,
    ...options.overrides,
  }
}
