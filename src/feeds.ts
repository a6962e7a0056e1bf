/** /feeds/<what>.atom and .json: what was built, updated and issued, newest first, with dates that stay. */
import { Hono } from 'hono'
import { etag } from 'hono/etag'
import { atomFeed, type Entry, type FeedFacts, jsonFeed } from './atom.ts'
import { buildStateName } from './builds/build.ts'
import { listBuilds } from './builds/builds.ts'
import { offeredDownloads } from './downloads/downloads.ts'
import { listAdvisories } from './errata/errata.ts'
import type { Ctx } from './kernel/context.ts'
import type { HttpEnv } from './kernel/http.ts'
import { renderText } from './kernel/rendering.ts'
import { sayReason, type Translate } from './kernel/words.ts'
import { listNews } from './news.ts'
import { changesOfWeek } from './releases/progress.ts'
import { listUpdates } from './updates/updates.ts'

const ENTRIES = 50

type Read = (ctx: Ctx, t: Translate) => Promise<Entry[]>

const feeds: Record<string, { read: Read; page?: string }> = {
  builds: { read: readBuilds },
  updates: { read: readUpdates },
  errata: { read: readErrata },
  readiness: { read: readReadiness },
  news: { read: readNews },
  downloads: { read: readDownloads, page: 'download' },
}

/** An entry: its address is its id, and `published_ms` never changes. */
function entry(
  link: string,
  title: string,
  html: string,
  published_ms: number,
  updated_ms: number,
): Entry {
  return { id: link, link, title, html, published_ms, updated_ms }
}

async function readBuilds(ctx: Ctx, t: Translate): Promise<Entry[]> {
  const { items } = await listBuilds(ctx, { limit: ENTRIES })
  return items.map((row) => {
    const state = t(`state.build.${buildStateName(row.state).toLowerCase()}`)
    const link = `${ctx.app.config.url}/builds/${encodeURIComponent(row.nvr)}`
    const text = row.reason ? sayReason(t, row.reason) : row.summary
    const title = t('feed.build.title', { nvr: row.nvr, state })
    return entry(link, title, escapeHtml(text), row.created_at, row.completed_at ?? row.created_at)
  })
}

async function readUpdates(ctx: Ctx, t: Translate): Promise<Entry[]> {
  const { items } = await listUpdates(ctx, { limit: ENTRIES })
  const made = items.map(async (row) => {
    const status = t(`state.update.${row.status}`)
    const link = `${ctx.app.config.url}/updates/${row.alias}`
    const updated = Math.max(row.modified_at, row.testing_at ?? 0, row.stable_at ?? 0)
    const title = t('feed.update.title', { title: row.title, status })
    return entry(link, title, await renderText(ctx.app, row.notes), row.created_at, updated)
  })
  return Promise.all(made)
}

async function readErrata(ctx: Ctx, t: Translate): Promise<Entry[]> {
  const { items } = await listAdvisories(ctx, { limit: ENTRIES })
  const made = items.map(async (row) => {
    const link = `${ctx.app.config.url}/errata/${row.number}`
    const title = t('feed.advisory.title', { number: row.number, title: row.title })
    return entry(
      link,
      title,
      await renderText(ctx.app, row.description),
      row.issued_at,
      row.updated_at,
    )
  })
  return Promise.all(made)
}

async function readDownloads(ctx: Ctx, t: Translate): Promise<Entry[]> {
  const { current, earlier } = await offeredDownloads(ctx)
  return [...current, ...earlier].slice(0, ENTRIES).map(({ facts, published_at }) => {
    const { name, arch, label, filename, sha256 } = facts
    const text = t('feed.download.text', { filename, sha256 })
    const at = published_at ?? Date.parse(facts.made_at)
    return entry(
      facts.url,
      t('feed.download.title', { name, arch, label }),
      escapeHtml(text),
      at,
      at,
    )
  })
}

/** What changed on the way to each release within a week. Several things may concern one page, so ids differ. */
async function readReadiness(ctx: Ctx, t: Translate): Promise<Entry[]> {
  const items: Entry[] = []
  for (const { name } of ctx.app.distribution.releases)
    for (const { id, at, kind, params, href } of await changesOfWeek(ctx, name)) {
      const page = `${ctx.app.config.url}${href ?? `/releases/${name}`}`
      const title = t(`release.change.${kind}`, params)
      items.push({ ...entry(page, title, escapeHtml(title), at, at), id: `${page}#change-${id}` })
    }
  return items.sort((a, b) => b.updated_ms - a.updated_ms).slice(0, ENTRIES)
}

async function readNews({ app }: Ctx): Promise<Entry[]> {
  return listNews(app)
    .slice(0, ENTRIES)
    .map(({ slug, title, date, html, authors }) => {
      const at = Date.parse(date)
      const item = entry(`${app.config.url}/news/${slug}`, title, html, at, at)
      return { ...item, authors }
    })
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

async function makeFeed(ctx: Ctx, what: string, page: string, read: Read): Promise<FeedFacts> {
  const { config, distribution, words } = ctx.app
  const t = words.in('en')
  return {
    title: `${distribution.name}: ${t(`feed.${what}`)}`,
    link: `${config.url}/${page}`,
    address: `${config.url}/feeds/${what}`,
    author: distribution.name,
    rights: distribution.vendor,
    language: 'en',
    entries: await read(ctx, t),
  }
}

export function createFeeds(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>()
  routes.use(etag())
  for (const [what, { read, page = what }] of Object.entries(feeds)) {
    routes.get(`/${what}.atom`, async (c) =>
      c.body(atomFeed(await makeFeed(c.get('ctx'), what, page, read)), 200, {
        'Content-Type': 'application/atom+xml; charset=utf-8',
        'Cache-Control': 'no-cache',
      }),
    )
    routes.get(`/${what}.json`, async (c) =>
      c.body(JSON.stringify(jsonFeed(await makeFeed(c.get('ctx'), what, page, read))), 200, {
        'Content-Type': 'application/feed+json; charset=utf-8',
        'Cache-Control': 'no-cache',
      }),
    )
  }
  return routes
}
