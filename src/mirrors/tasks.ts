/** The task that looks at one mirror. */
import { z } from 'zod'
import type { App } from '../kernel/context.ts'
import { closed, type TaskHandler } from '../tasks/handler.ts'
import { type Crawler, createCrawler } from './crawler.ts'
import { crawlHost } from './crawls.ts'

const payload = z.object({ host_id: z.int() })

/** One crawler an app, whose budget all its crawls share. */
const crawlers = new WeakMap<App['database'], Crawler>()

function crawlerOf(app: App): Crawler {
  const kept = crawlers.get(app.database) ?? createCrawler(app)
  crawlers.set(app.database, kept)
  return kept
}

export const crawlTask: TaskHandler<z.infer<typeof payload>> = {
  method: 'crawlMirror',
  payload,
  async run({ ctx, payload: { host_id }, signal, transaction }) {
    const write = transaction
    return closed((await crawlHost(ctx, crawlerOf(ctx.app), { host_id, signal, write })) ?? null)
  },
}
