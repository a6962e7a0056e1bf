/** /robots.txt and /sitemap.xml: what search engines may read, and where all of it is. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { desc, max } from 'drizzle-orm'
import { Hono } from 'hono'
import { etag } from 'hono/etag'
import { create } from 'xmlbuilder2'
import { build } from '../db/schema/builds.ts'
import { advisory } from '../db/schema/errata.ts'
import { listReleases } from './distribution/releases.ts'
import type { App, Ctx } from './kernel/context.ts'
import type { HttpEnv } from './kernel/http.ts'
import { listNews } from './news.ts'

/** Of either; with all else a sitemap stays below the 50,000 addresses that the protocol allows. */
const MOST = 20_000

const XMLNS = 'http://www.sitemaps.org/schemas/sitemap/0.9'

/** Pages that are always there. */
const standing = [
  ...['/', '/download', '/download/verify', '/packages', '/builds', '/updates', '/errata'],
  ...['/releases', '/pushes', '/news', '/community', '/mirrors', '/mirrors/propagation'],
  ...['/mirrors/explain', '/mirrors/statistics', '/status'],
]

export interface Place {
  path: string
  /** Milliseconds since the epoch, where it is known. */
  changed_at?: number
}

/** Addresses of the docs, by the names of their files. */
function docsPlaces({ config }: App): Place[] {
  const folder = join(config.content_dir, 'docs')
  return (
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.mdx?$/.test(name))
      .map((name) => name.replace(/(?:\/?index)?\.mdx?$/, ''))
      .sort()
      // With the slash at the end that the docs' own links and canonical addresses have.
      .map((slug) => ({ path: slug === '' ? '/docs/' : `/docs/${slug}/` }))
  )
}

async function packagePlaces({ app }: Ctx): Promise<Place[]> {
  const rows = await app.db
    .select({ name: build.name, changed_at: max(build.created_at) })
    .from(build)
    .groupBy(build.name)
    .orderBy(desc(max(build.created_at)))
    .limit(MOST)
  return rows.map(({ name, changed_at }) => ({
    path: `/packages/${encodeURIComponent(name)}`,
    ...(changed_at !== null && { changed_at: Number(changed_at) }),
  }))
}

async function advisoryPlaces({ app }: Ctx): Promise<Place[]> {
  const rows = await app.db
    .select({ number: advisory.number, changed_at: advisory.updated_at })
    .from(advisory)
    .orderBy(desc(advisory.id))
    .limit(MOST)
  return rows.map(({ number, changed_at }) => ({ path: `/errata/${number}`, changed_at }))
}

/** Every page that search engines should know. */
export async function publicPlaces(ctx: Ctx): Promise<Place[]> {
  const releases = await listReleases(ctx)
  return [
    ...standing.map((path) => ({ path })),
    ...docsPlaces(ctx.app),
    ...listNews(ctx.app).map(({ slug, date }) => ({
      path: `/news/${slug}`,
      changed_at: Date.parse(date),
    })),
    ...releases.flatMap(({ name }) => [
      { path: `/releases/${name}` },
      { path: `/releases/${name}/readiness` },
      { path: `/releases/${name}/blockers` },
    ]),
    ...(await packagePlaces(ctx)),
    ...(await advisoryPlaces(ctx)),
  ]
}

/** By the protocol of sitemaps.org, version 0.9. */
async function sitemap(ctx: Ctx): Promise<string> {
  const root = create({ version: '1.0', encoding: 'UTF-8' }).ele(XMLNS, 'urlset')
  for (const { path, changed_at } of await publicPlaces(ctx)) {
    const url = root.ele('url')
    url.ele('loc').txt(ctx.app.config.url + path)
    if (changed_at !== undefined) url.ele('lastmod').txt(new Date(changed_at).toISOString())
  }
  return root.end()
}

/** By RFC 9309. What is behind a log-in, and what only builders ask, is no use to anyone else. */
const robots = (url: string) =>
  [
    'User-agent: *',
    'Disallow: /account',
    'Disallow: /api/builder',
    '',
    `Sitemap: ${url}/sitemap.xml`,
    '',
  ].join('\n')

export function createCrawlerFiles({ config }: App): Hono<HttpEnv> {
  const files = new Hono<HttpEnv>()
  files.get('/robots.txt', (c) => c.text(robots(config.url)))
  files.get('/sitemap.xml', etag(), async (c) =>
    c.body(await sitemap(c.get('ctx')), 200, {
      'Content-Type': 'application/xml; charset=utf-8',
      'Cache-Control': 'no-cache',
    }),
  )
  return files
}
