/** News of content/news: Markdown files with a head, newest first. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import type { App } from './kernel/context.ts'
import { renderMarkdown } from './kernel/markdown.ts'

const headSchema = z.strictObject({
  title: z.string().min(1).max(200),
  /** YYYY-MM-DD, quoted or not. */
  date: z.union([z.iso.date(), z.date().transform((date) => date.toISOString().slice(0, 10))]),
  authors: z.array(z.string().min(1)).min(1),
  tags: z.array(z.string().regex(/^[a-z0-9-]+$/, 'small letters, digits and hyphens')).default([]),
  summary: z.string().min(1).max(500),
})

export interface NewsItem extends z.infer<typeof headSchema> {
  /** From the file's name. */
  slug: string
  html: string
}

/** A file's head between lines of three hyphens, and what follows. @throws Error that names the file and field */
export function parseNews(slug: string, text: string): NewsItem {
  const [, head, body] = /^---\r?\n([\s\S]*?)\r?\n---\r?\n([\s\S]*)$/.exec(text) ?? []
  if (head === undefined || body === undefined)
    throw new Error(`content/news/${slug}.md must begin with a head between two lines of ---`)
  const parsed = headSchema.safeParse(parse(head))
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    throw new Error(`content/news/${slug}.md is not right. ${faults.join('; ')}`)
  }
  return { ...parsed.data, slug, html: renderMarkdown(body) }
}

const kept = new WeakMap<App, NewsItem[]>()

/** All news, newest first; the files are read once. */
export function listNews(app: App, tag?: string): NewsItem[] {
  let all = kept.get(app)
  if (!all) {
    const folder = join(app.config.content_dir, 'news')
    all = fileNames(folder)
      .map((name) => parseNews(name.slice(0, -3), readFileSync(join(folder, name), 'utf8')))
      .sort((a, b) => b.date.localeCompare(a.date) || b.slug.localeCompare(a.slug))
    kept.set(app, all)
  }
  return tag === undefined ? all : all.filter((item) => item.tags.includes(tag))
}

/** A distribution without news has no folder. */
function fileNames(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.md'))
  } catch {
    return []
  }
}
