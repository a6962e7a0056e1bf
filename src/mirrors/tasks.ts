/** The task that looks at one mirror, and how long its row stays. */
import { z } from 'zod'
import { DAY_MS } from '../kernel/clock.ts'
import type { App, Ctx } from '../kernel/context.ts'
import { closed, type TaskHandler } from '../tasks/handler.ts'
import { purgeEndedTasks } from '../tasks/retention.ts'
import { type Crawler, createCrawler } from './crawler.ts'
import { CRAWL_CHANNEL, crawlHost } from './crawls.ts'

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

/** What a crawl saw is evidence; that it ran says nothing a day later. */
const ENDED_MS = DAY_MS

/** Forgets crawls that ended a day ago. @returns how many */
export function purgeCrawls(ctx: Ctx): Promise<number> {
  return purgeEndedTasks(ctx, CRAWL_CHANNEL, ctx.app.clock.now() - ENDED_MS)
}
