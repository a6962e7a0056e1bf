/**
 * /download/<image>: to the best mirror that has the image whole, by the same choice that package managers
 * get; to this portal where none has. All else under /download is the mirrors' or a page.
 */
import { Hono } from 'hono'
import { addressOf } from '../kernel/address.ts'
import type { App } from '../kernel/context.ts'
import type { HttpEnv } from '../kernel/http.ts'
import type { Edge, Query } from '../mirrors/edge/answer.ts'
import { readQuery } from '../mirrors/edge/http.ts'
import { webEdgeOf } from '../mirrors/web-edge.ts'
import type { MetalinkUrl } from './metalink4.ts'
import { type ImageRow, offeredImages } from './queries.ts'

/** @param app whose snapshot chooses */
export function createImageRedirect(app: App): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>()
  const web = webEdgeOf(app)
  routes.get('/download/:path{.+\\.iso}', async (c, next) => {
    const path = c.req.param('path')
    const row = (await offeredImages(app.db)).find((each) => imagePath(each) === path)
    const edge = row && row.facts.sources.length > 1 ? await web.current() : undefined
    if (!row || !edge) return next()
    const address = addressOf(c.req.raw, app.config.trusted_proxies)
    const query = { ...readQuery(new URL(c.req.url).search.slice(1)), address }
    const best = bestSource(edge, row.arch, query, row.facts.sources.slice(0, -1))
    if (!best) return next()
    c.header('Cache-Control', 'no-store')
    return c.redirect(best.url, 302)
  })
  return routes
}

const imagePath = ({ path, facts }: ImageRow) => `${path}/${facts.filename}`

/**
 * The first mirror of the asker's list that is among these.
 * @param sources without this portal itself, which serves those whom nobody else does
 */
export function bestSource(
  edge: Pick<Edge, 'explain' | 'snapshot'>,
  arch: string,
  query: Query,
  sources: MetalinkUrl[],
): MetalinkUrl | undefined {
  const { repositories, mirrors } = edge.snapshot
  const repository = repositories.find((each) => each.arch === arch)
  const chosen = repository && edge.explain({ ...query, path: repository.path })
  for (const { mirror } of chosen?.in ?? []) {
    const urls = mirrors.find(({ name }) => name === mirror)?.urls ?? []
    const found = sources.find(({ url }) => urls.some((each) => url.startsWith(each.url)))
    if (found) return found
  }
  return undefined
}
