/** /metalink, /mirrorlist and /download for package managers, and why an answer is as it is. */
import { createRoute, z } from '@hono/zod-openapi'
import { addressOf } from '../kernel/address.ts'
import type { App, Ctx } from '../kernel/context.ts'
import { PortalError } from '../kernel/errors.ts'
import { createApi, type HttpContext, jsonWithEtag, problemResponse } from '../kernel/http.ts'
import { type Answer, pathInUrl } from './edge/answer.ts'
import { ageHeader, answerTo } from './edge/http.ts'
import { explainChoice } from './explain.ts'
import { knownRepositories, metalink, mirrorlist } from './mirrors.ts'
import { webEdgeOf } from './web-edge.ts'

const text = z.string().max(4096).optional()
const query = z.object({
  repo: text,
  arch: text,
  path: text,
  country: text,
  ip: text,
  protocol: text,
  redirect: text,
  countme: text,
})

const PLAIN = 'text/plain; charset=utf-8'

const listRoute = (path: '/metalink' | '/mirrorlist', description: string) =>
  createRoute({
    method: 'get',
    path,
    tags: ['mirrors'],
    request: { query },
    responses: { 200: { description }, ...problemResponse },
  })

/** @param app whose snapshot answers */
export function createMirrorsApi(app: App) {
  const api = createApi()
  const web = webEdgeOf(app)

  /**
   * The edge's answer where there are mirrors, or a path is asked for; undefined where the portal serves alone:
   * then it knows a push the moment it is published. It counts either way.
   */
  const fromEdge = async (c: HttpContext): Promise<Answer | undefined> => {
    const edge = await web.current()
    if (!edge) return undefined
    const { pathname, search } = new URL(c.req.url)
    const address = addressOf(c.req.raw, app.config.trusted_proxies)
    const answer = answerTo(edge, pathname, search.slice(1), address)
    if (answer) web.count(answer, search.slice(1))
    const alone = edge.snapshot.mirrors.length < 2 && c.req.query('path') === undefined
    if (alone) return undefined
    c.header('X-Snapshot-Age', ageHeader(edge, app.clock.now()))
    return answer
  }
  const send = (c: HttpContext, { status, type, body, location }: Answer) =>
    c.body(body, status as 200, {
      'Content-Type': type,
      'Cache-Control': 'no-store',
      ...(location !== undefined && { Location: location }),
    })

  api.openapi(listRoute('/metalink', 'Metalink 3.0 of repomd.xml.'), async (c) => {
    const { repo, arch } = c.req.valid('query')
    const answer = await fromEdge(c)
    if (answer) return send(c, answer)
    return orKnown(c, 'application/metalink+xml; charset=utf-8', (ctx) =>
      metalink(ctx, repo ?? '', arch ?? ''),
    )
  })
  api.openapi(listRoute('/mirrorlist', 'One address a mirror.'), async (c) => {
    const { repo, arch } = c.req.valid('query')
    const answer = await fromEdge(c)
    if (answer) return send(c, answer)
    return orKnown(c, PLAIN, (ctx) => mirrorlist(ctx, repo ?? '', arch ?? ''))
  })
  api.get('/download/:path{.+}', async (c, next) => {
    // A page of that name stands there.
    if (c.req.param('path') === 'verify') return next()
    const answer = await fromEdge(c)
    if (answer?.status === 302) return send(c, answer)
    // Nobody else has it: this portal's own tree does, or says that it does not.
    const path = pathInUrl(c.req.param('path'))
    if (path === undefined) throw new PortalError('not-found')
    return c.redirect(`/pub/${path}`, 302)
  })
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/mirrors/explain',
      tags: ['mirrors'],
      request: { query },
      responses: {
        200: {
          description: 'Which rule put each mirror where it is, and why each other one is out.',
        },
        ...problemResponse,
      },
    }),
    async (c) => {
      const t = app.words.in('en')
      const found = await explainChoice(c.get('ctx'), c.req.valid('query'))
      if (!found) throw new PortalError('not-found', { field: 'repo' })
      return jsonWithEtag(c, {
        ...found,
        in: found.in.map((each) => ({ ...each, sentence: t(`mirror.rule.${each.rule}`) })),
        out: found.out.map((each) => ({ ...each, sentence: t(`reason.mirror.${each.why}`) })),
      })
    },
  )
  return api
}

/** An unknown repository is answered with those that exist, as package managers' users read it. */
async function orKnown(
  c: HttpContext,
  type: string,
  answer: (ctx: Ctx) => Promise<string>,
): Promise<Response> {
  const ctx = c.get('ctx')
  try {
    return c.body(await answer(ctx), 200, { 'Content-Type': type })
  } catch (error) {
    if (!(error instanceof PortalError) || error.code !== 'repository.unknown') throw error
    return c.body(await knownRepositories(ctx), 404, { 'Content-Type': PLAIN })
  }
}
