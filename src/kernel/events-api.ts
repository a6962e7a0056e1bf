/**
 * /api/events: the outbox in the open. As a stream (SSE) it goes on from Last-Event-ID; with `since` it
 * is pages of JSON. At least once, in order, and never with a gap that is not told: facts are forgotten after a
 * time, and a cursor from before is refused. Facts that could not be acted on are admins' to see to.
 */
import { createRoute, z } from '@hono/zod-openapi'
import { requireRole } from './access.ts'
import { addressKey } from './address.ts'
import { type AsideRow, dropAside, giveAgain, listAside } from './aside.ts'
import { iso } from './clock.ts'
import type { App } from './context.ts'
import { PortalError } from './errors.ts'
import { feedOf } from './event-feed.ts'
import { eventJson, isPrivate } from './event-json.ts'
import { type EventFilter, lastEventId, scanEvents } from './events.ts'
import { answers, createApi, type HttpContext } from './http.ts'
import { forgottenUpTo } from './retention.ts'

const query = z.object({
  since: z.coerce.number().int().min(0).optional(),
  type: z.string().max(100).optional(),
  subject: z.string().max(300).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})

/**
 * A cursor that facts are missing after, or that is none of this database's, has a gap behind it.
 * @throws PortalError events.gone with the number to go on from
 */
async function refuseGap(app: App, cursor: number): Promise<void> {
  const forgotten = await forgottenUpTo(app.db)
  if (cursor >= forgotten && cursor <= (await lastEventId(app.db, forgotten))) return
  throw new PortalError('events.gone', { oldest: forgotten + 1, params: { oldest: forgotten + 1 } })
}

/** What an admin sees of a fact that a subscriber could not act on. */
function asideJson(row: AsideRow) {
  const { id, subscriber, event_id, type, subject, payload, state, attempts, error } = row
  const about = { id, subscriber, event_id, type, subject, payload, state, attempts, error }
  return { ...about, at: iso(row.at), failed_at: iso(row.failed_at) }
}

const idParams = z.object({ id: z.coerce.number().int() })

export function createEventsApi() {
  const api = createApi()
  api.openapi(
    createRoute({
      method: 'get',
      path: '/events',
      tags: ['events'],
      request: { query },
      responses: answers('With `since`: a page. Otherwise a stream of server-sent events.'),
    }),
    async (c) => {
      const { since, type, subject, limit } = c.req.valid('query')
      const filter: EventFilter = {
        ...(type && { types: type.split(',') }),
        ...(subject && { subject }),
      }
      if (since === undefined) return stream(c, filter)
      const { app } = c.get('ctx')
      await refuseGap(app, since)
      const { events, scanned, end } = await scanEvents(app.db, since, filter, limit)
      const items = events.filter((event) => !isPrivate(event)).map(eventJson)
      return c.json({ items, next: scanned, end })
    },
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/events/aside',
      tags: ['events'],
      responses: answers('Events that a part of the portal could not act on, for admins.'),
    }),
    async (c) => {
      const ctx = c.get('ctx')
      requireRole(ctx, 'admin', 'read')
      return c.json({ items: (await listAside(ctx.app.db)).map(asideJson) })
    },
  )
  api.openapi(
    createRoute({
      method: 'post',
      path: '/events/aside/{id}/again',
      tags: ['events'],
      request: { params: idParams },
      responses: answers('A worker hands it over once more.'),
    }),
    async (c) => {
      await giveAgain(c.get('ctx'), c.req.valid('param').id)
      return c.json({})
    },
  )
  api.openapi(
    createRoute({
      method: 'delete',
      path: '/events/aside/{id}',
      tags: ['events'],
      request: { params: idParams },
      responses: answers('It is given up.'),
    }),
    async (c) => {
      await dropAside(c.get('ctx'), c.req.valid('param').id)
      return c.json({})
    },
  )
  return api
}

async function stream(c: HttpContext, filter: EventFilter): Promise<Response> {
  const { app, address = '' } = c.get('ctx')
  const header = Number(c.req.header('Last-Event-ID') || Number.NaN)
  const cursor = Number.isSafeInteger(header) && header >= 0 ? header : undefined
  if (cursor !== undefined) await refuseGap(app, cursor)
  const body = await feedOf(app).open(addressKey(address), filter, cursor, c.req.raw.signal)
  return c.body(body, 200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-cache',
    'X-Accel-Buffering': 'no',
  })
}
