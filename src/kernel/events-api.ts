/**
 * /api/events: the outbox in the open. As a stream (SSE) it goes on from Last-Event-ID; with `since` it
 * is pages of JSON. At least once, in order.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createRoute, z } from '@hono/zod-openapi'
import { streamSSE } from 'hono/streaming'
import { iso, SECOND_MS } from './clock.ts'
import { type Event, type EventFilter, eventsAfter, lastEventId } from './events.ts'
import { answers, createApi, type HttpContext } from './http.ts'

const POLL_MS = 250
/** Proxies cut connections that are silent for longer. */
const KEEP_ALIVE_MS = 15 * SECOND_MS

/** Facts that concern one person only are not for everyone's stream. */
const PRIVATE = /^account\./

/** A fact as JSON. */
export function eventJson(event: Event) {
  const { id, type, subject, payload, at } = event
  return { id, type, subject, payload, at: iso(at) }
}

const query = z.object({
  since: z.coerce.number().int().min(0).optional(),
  type: z.string().max(100).optional(),
  subject: z.string().max(300).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})

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
      const events = await eventsAfter(c.get('ctx').app.db, since, filter, limit)
      const items = events.filter((event) => !PRIVATE.test(event.type)).map(eventJson)
      return c.json({ items, next: events.at(-1)?.id ?? since })
    },
  )
  return api
}

function stream(c: HttpContext, filter: EventFilter): Response {
  const { app } = c.get('ctx')
  const header = Number(c.req.header('Last-Event-ID'))
  return streamSSE(c, async (out) => {
    let cursor = Number.isSafeInteger(header) && header > 0 ? header : await lastEventId(app.db)
    let quiet_ms = 0
    while (!out.aborted && !out.closed) {
      const events = await eventsAfter(app.db, cursor, filter)
      for (const event of events) {
        cursor = event.id
        if (PRIVATE.test(event.type)) continue
        await out.writeSSE({
          id: String(event.id),
          event: event.type,
          data: JSON.stringify(eventJson(event)),
        })
      }
      if (events.length > 0) quiet_ms = 0
      else {
        await sleep(POLL_MS)
        quiet_ms += POLL_MS
      }
      if (quiet_ms >= KEEP_ALIVE_MS) {
        await out.write(': still here\n\n')
        quiet_ms = 0
      }
    }
  })
}
