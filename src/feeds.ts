/** /feeds/<what>.atom and .json: what was built, updated and issued, newest first, with dates that stay. */
import { type Author, Feed, type Item } from 'feed'
import { Hono } from 'hono'
import { etag } from 'hono/etag'
import { buildStateName } from './builds/build.ts'
import { listBuilds } from './builds/builds.ts'
import { offeredDownloads } from './downloads/downloads.ts'
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

const feeds: Record<string, { read: Read; page?: string }> = {
  builds: { read: readBuilds },
  updates: { read: readUpdates },
  errata: { read: readErrata },
  readiness: { read: readReadiness },
  news: { read: readNews },
  downloads: { read: readDownloads, page: 'download' },
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

async function readDownloads(ctx: Ctx, t: Translate): Promise<Item[]> {
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
async function makeFeed(ctx: Ctx, what: string, page: string, read: Read): Promise<Feed> {
  const { config, distribution, words } = ctx.app
  const t = words.in('en')
  const items = await read(ctx, t)
  const newest_ms = Math.max(0, ...items.map((item) => item.date.getTime()))
  const address = `${config.url}/feeds/${what}`
  const feed = new Feed({
    id: `${config.url}/${page}`,
    link: `${config.url}/${page}`,
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

/** By https://jsonfeed.org/version/1.1; the library writes version 1, which knows one author and no language. */
function jsonFeed({ options, items }: Feed) {
  const authorsOf = (author: Author | Author[] = []) =>
    [author].flat().map(({ name }) => ({ name }))
  return {
    version: 'https://jsonfeed.org/version/1.1',
    title: options.title,
    home_page_url: options.link,
    feed_url: options.feedLinks?.json,
    language: options.language,
    authors: authorsOf(options.author),
    items: items.map(({ id, link, title, content, published, date, author }) => ({
      ...{ id, url: link, title, content_html: content ?? '' },
      date_published: (published ?? date).toISOString(),
      date_modified: date.toISOString(),
      ...(author && { authors: authorsOf(author) }),
    })),
  }
}

export function createFeeds(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>()
  routes.use(etag())
  for (const [what, { read, page = what }] of Object.entries(feeds)) {
    routes.get(`/${what}.atom`, async (c) =>
      c.body((await makeFeed(c.get('ctx'), what, page, read)).atom1(), 200, {
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
