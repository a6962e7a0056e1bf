/** Figures about all mirrors over HTTP: propagation of pushes, machines counted, lists answered. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { iso } from '../kernel/clock.ts'
import { type HttpEnv, jsonWithEtag, problemResponse } from '../kernel/http.ts'
import { propagation } from './propagation.ts'
import { statistics } from './statistics.ts'

const route = (path: string, description: string) =>
  createRoute({
    method: 'get',
    path,
    tags: ['mirrors'],
    responses: { 200: { description }, ...problemResponse },
  })

/** Before `/mirrors/{name}`: these are no mirrors' names. */
export function addFigures(api: OpenAPIHono<HttpEnv>): void {
  api.openapi(
    route('/mirrors/propagation', 'Minutes until 50, 90 and 99 % of the mirrors had each push.'),
    async (c) => {
      const items = (await propagation(c.get('ctx'))).map(({ push_id, published_at, spread }) => ({
        ...{ push: push_id, published_at: iso(published_at), mirrors: spread.mirrors },
        ...{ arrived: spread.minutes.length, until: spread.until, minutes: spread.minutes },
      }))
      return jsonWithEtag(c, { items, next: null })
    },
  )
  api.openapi(
    route('/mirrors/statistics', 'Machines by week, lists by country; nothing about anyone.'),
    async (c) => jsonWithEtag(c, await statistics(c.get('ctx'))),
  )
}
