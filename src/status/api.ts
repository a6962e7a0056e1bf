/** The status page's JSON twin: one verdict, each part's with its reasons, and the numbers behind them. */
import { createRoute } from '@hono/zod-openapi'
import { iso } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import { answers, createApi, jsonWithEtag } from '../kernel/http.ts'
import { reasonJson } from '../kernel/words.ts'
import { type PortalStatus, portalStatus } from './status.ts'

function statusJson(ctx: Ctx, { verdict, health, facts, programs, running, aside }: PortalStatus) {
  const t = ctx.app.words.in('en')
  const { mirrors, mail, queue } = facts
  return {
    verdict,
    parts: health.map(({ part, verdict: own, reasons }) => ({
      ...{ part, verdict: own },
      reasons: reasons.map((each) => reasonJson(t, each)),
    })),
    builders: facts.builders.map(({ name, state, last_seen_at, drivers, missing }) => ({
      ...{ name, state, last_seen_at: iso(last_seen_at), drivers, missing },
    })),
    workers: programs.map(({ name, started_at, last_seen_at }) => ({
      ...{ name, started_at: iso(started_at), last_seen_at: iso(last_seen_at) },
    })),
    queue: { running, waiting: queue.waiting, oldest_waits_since: iso(queue.oldest_at) },
    pushes: facts.pushes.map(({ release, last_done, failed, running: now, ...wait }) => ({
      release,
      last_done: last_done ? { id: last_done.id, ended_at: iso(last_done.ended_at) } : null,
      failed: failed ? { id: failed.id, ended_at: iso(failed.ended_at) } : null,
      running: now ? { id: now.id, created_at: iso(now.created_at) } : null,
      ...{ updates_waiting: wait.waiting, waiting_since: iso(wait.waiting_since) },
    })),
    mirrors: { ...mirrors, last_crawl_at: iso(mirrors.last_crawl_at) },
    events: {
      aside: aside.map(({ id, event_id, type, subject, subscriber, state, error, failed_at }) => ({
        ...{ id, event_id, type, subject, subscriber, state, error },
        failed_at: iso(failed_at),
      })),
    },
    mail: { ...mail, oldest_at: iso(mail.oldest_at), last_sent_at: iso(mail.last_sent_at) },
  }
}

export function createStatusApi() {
  const api = createApi()
  api.openapi(
    createRoute({
      method: 'get',
      path: '/status',
      tags: ['status'],
      responses: answers('Whether the portal works, and why not.'),
    }),
    async (c) => jsonWithEtag(c, statusJson(c.get('ctx'), await portalStatus(c.get('ctx')))),
  )
  return api
}
