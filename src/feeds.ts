/** /feeds/<what>.atom and .json: what was built, updated and issued, newest first, with dates that stay. */
import { Feed, type Item } from 'feed'
import { Hono } from 'hono'
import { etag } from 'hono/etag'
import { buildStateName } from './builds/build.ts'
import { listBuilds } from './builds/builds.ts'
import { listAdvisories } from './errata/errata.ts'
import type { Ctx } from './kernel/context.ts'
import type { HttpEnv } from './kernel/http.ts'
import { renderMarkdown } from './kernel/markdown.ts'
import { sayReason, type Translate } from './kernel/words.ts'
import { listNews } from './news.ts'
import { changesOfWeek } from './releases/progress.ts'
import { listUpdates } from './updates/updates.ts'

const ENTRIES = 50

type Read = (ctx: Ctx, t: Translate) => Promise<Item[]>

const feeds: Record<string, Read> = {
  builds: readBuilds,
  updates: readUpdates,
  errata: readErrata,
  readiness: readReadiness,
  news: readNews,
}

/** XML 1.0 has no place for most control characters and for halves of surrogate pairs. */
function xmlText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.toWellFormed().replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
}

/** An entry: its address is its id, and `published_ms` never changes. */
function entry(
  link: string,
  title: string,
  html: string,
  published_ms: number,
  updated_ms: number,
): Item {
  return {
    id: link,
    link,
    title: xmlText(title),
    // "]]>" would end the section that the feed's writer puts the text in.
    content: xmlText(html).replaceAll(']]>', ']]&gt;'),
    published: new Date(published_ms),
    date: new Date(updated_ms),
  }
}

async function readBuilds(ctx: Ctx, t: Translate): Promise<Item[]> {
  const { items } = await listBuilds(ctx, { limit: ENTRIES })
  return items.map((row) => {
    const state = t(`state.build.${buildStateName(row.state).toLowerCase()}`)
    const link = `${ctx.app.config.url}/builds/${encodeURIComponent(row.nvr)}`
    const text = row.reason ? sayReason(t, row.reason) : row.summary
    const title = t('feed.build.title', { nvr: row.nvr, state })
    return entry(link, title, escapeHtml(text), row.created_at, row.completed_at ?? row.created_at)
  })
}

async function readUpdates(ctx: Ctx, t: Translate): Promise<Item[]> {
  const { items } = await listUpdates(ctx, { limit: ENTRIES })
  return items.map((row) => {
    const status = t(`state.update.${row.status}`)
    const link = `${ctx.app.config.url}/updates/${row.alias}`
    const updated = Math.max(row.modified_at, row.testing_at ?? 0, row.stable_at ?? 0)
    const title = t('feed.update.title', { title: row.title, status })
    return entry(link, title, renderMarkdown(row.notes), row.created_at, updated)
  })
}

async function readErrata(ctx: Ctx, t: Translate): Promise<Item[]> {
  const { items } = await listAdvisories(ctx, { limit: ENTRIES })
  return items.map((row) => {
    const link = `${ctx.app.config.url}/errata/${row.number}`
    const title = t('feed.advisory.title', { number: row.number, title: row.title })
    return entry(link, title, renderMarkdown(row.description), row.issued_at, row.updated_at)
  })
}

/** What changed on the way to each release within a week. Several things may concern one page, so ids differ. */
async function readReadiness(ctx: Ctx, t: Translate): Promise<Item[]> {
  const items: Item[] = []
  for (const { name } of ctx.app.distribution.releases)
    for (const { id, at, kind, params, href } of await changesOfWeek(ctx, name)) {
      const page = `${ctx.app.config.url}${href ?? `/releases/${name}`}`
      const title = t(`release.change.${kind}`, params)
      items.push({ ...entry(page, title, escapeHtml(title), at, at), id: `${page}#change-${id}` })
    }
  return items.sort((a, b) => b.date.getTime() - a.date.getTime()).slice(0, ENTRIES)
}

async function readNews({ app }: Ctx): Promise<Item[]> {
  return listNews(app)
    .slice(0, ENTRIES)
    .map(({ slug, title, date, html, authors }) => {
      const at = Date.parse(date)
      const item = entry(`${app.config.url}/news/${slug}`, title, html, at, at)
      return { ...item, author: authors.map((name) => ({ name })) }
    })
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** A feed is as new as its newest entry, so that asking again gives the same bytes. */
async function makeFeed(ctx: Ctx, what: string, read: Read): Promise<Feed> {
  const { config, distribution, words } = ctx.app
  const t = words.in('en')
  const items = await read(ctx, t)
  const newest_ms = Math.max(0, ...items.map((item) => item.date.getTime()))
  const address = `${config.url}/feeds/${what}`
  const feed = new Feed({
    id: `${config.url}/${what}`,
    link: `${config.url}/${what}`,
    title: `${distribution.name}: ${t(`feed.${what}`)}`,
    updated: new Date(newest_ms),
    language: 'en',
    copyright: distribution.vendor,
    author: { name: distribution.name },
    generator: false,
    feedLinks: { atom: `${address}.atom`, json: `${address}.json` },
  })
  for (const item of items) feed.addItem(item)
  return feed
}

export function createFeeds(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>()
  routes.use(etag())
  for (const [what, read] of Object.entries(feeds)) {
    routes.get(`/${what}.atom`, async (c) =>
      c.body((await makeFeed(c.get('ctx'), what, read)).atom1(), 200, {
        'Content-Type': 'application/atom+xml; charset=utf-8',
        'Cache-Control': 'no-cache',
      }),
    )
    routes.get(`/${what}.json`, async (c) =>
      c.body((await makeFeed(c.get('ctx'), what, read)).json1(), 200, {
        'Content-Type': 'application/feed+json; charset=utf-8',
        'Cache-Control': 'no-cache',
      }),
    )
  }
  return routes
}
