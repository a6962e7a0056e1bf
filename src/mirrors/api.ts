/** /metalink and /mirrorlist for package managers. */
import { createRoute, z } from '@hono/zod-openapi'
import { PortalError } from '../kernel/errors.ts'
import { createApi, type HttpContext, problemResponse } from '../kernel/http.ts'
import { knownRepositories, metalink, mirrorlist } from './mirrors.ts'

const query = z.object({
  repo: z.string().max(200).default(''),
  arch: z.string().max(50).default(''),
})

const PLAIN = { 'Content-Type': 'text/plain; charset=utf-8' }

export function createMirrorsApi() {
  const api = createApi()
  api.openapi(
    createRoute({
      method: 'get',
      path: '/metalink',
      tags: ['mirrors'],
      request: { query },
      responses: { 200: { description: 'Metalink 3.0 of repomd.xml.' }, ...problemResponse },
    }),
    (c) =>
      orKnown(c, async () => {
        const { repo, arch } = c.req.valid('query')
        return c.body(await metalink(c.get('ctx'), repo, arch), 200, {
          'Content-Type': 'application/metalink+xml; charset=utf-8',
        })
      }),
  )
  api.openapi(
    createRoute({
      method: 'get',
      path: '/mirrorlist',
      tags: ['mirrors'],
      request: { query },
      responses: { 200: { description: 'One address a mirror.' }, ...problemResponse },
    }),
    (c) =>
      orKnown(c, async () => {
        const { repo, arch } = c.req.valid('query')
        return c.body(await mirrorlist(c.get('ctx'), repo, arch), 200, PLAIN)
      }),
  )
  return api
}

/** An unknown repository is answered with those that exist, as package managers' users read it. */
async function orKnown(c: HttpContext, answer: () => Promise<Response>): Promise<Response> {
  try {
    return await answer()
  } catch (error) {
    if (!(error instanceof PortalError) || error.code !== 'repository.unknown') throw error
    return c.body(await knownRepositories(c.get('ctx')), 404, PLAIN)
  }
}
