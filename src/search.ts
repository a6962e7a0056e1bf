/**
 * One box over everything: packages, updates, errata, people and groups from the database; docs and news from the files
 * that they are made of, for readers without scripts. With scripts the docs' own index ranks them better.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { listGroups } from './accounts/groups.ts'
import { searchPeople } from './accounts/people.ts'
import { listPackages } from './builds/builds.ts'
import { searchAdvisories } from './errata/errata.ts'
import type { App, Ctx } from './kernel/context.ts'
import { distributionWords, fillWords } from './kernel/distribution-words.ts'
import { listNews } from './news.ts'
import { searchUpdates } from './updates/lists.ts'

export interface Hit {
  title: string
  href: string
  /** What stands around the words, or what else tells hits apart. */
  text: string
}

export const searchKinds = [
  'packages',
  'updates',
  'errata',
  'docs',
  'news',
  'people',
  'groups',
] as const
export type SearchKind = (typeof searchKinds)[number]

const EACH = 10
const WORDS_MAX_CHARS = 100

export async function search(ctx: Ctx, typed: string): Promise<Record<SearchKind, Hit[]>> {
  const words = typed.trim().slice(0, WORDS_MAX_CHARS)
  if (words === '')
    return { packages: [], updates: [], errata: [], docs: [], news: [], people: [], groups: [] }
  const packages = await listPackages(ctx, { search: words, limit: EACH })
  const updates = await searchUpdates(ctx, words, EACH)
  const errata = await searchAdvisories(ctx, words, EACH)
  const people = await searchPeople(ctx, words, EACH)
  return {
    packages: packages.items.map(({ name, summary }) => ({
      ...{ title: name, href: `/packages/${encodeURIComponent(name)}`, text: summary },
    })),
    updates: updates.map(({ alias, title, status }) => ({
      ...{ title, href: `/updates/${alias}`, text: `${alias}, ${status}` },
    })),
    errata: errata.map(({ number, title }) => ({
      title: number,
      href: `/errata/${number}`,
      text: title,
    })),
    docs: searchTexts(docsOf(ctx.app), words),
    news: searchTexts(
      listNews(ctx.app).map(({ slug, title, summary, html }) => ({
        ...{ title, href: `/news/${slug}`, text: `${summary} ${html.replace(/<[^<>]*>/g, ' ')}` },
      })),
      words,
    ),
    groups: searchTexts(
      (await listGroups(ctx)).map(({ group: { name, title, description } }) => ({
        ...{ title, href: `/groups/${name}`, text: description },
      })),
      words,
    ),
    people: people.map(({ username, display_name }) => ({
      ...{ title: username, href: `/people/${username}`, text: display_name },
    })),
  }
}

/** Texts that have all words, those with them in the title first, with what stands around the first. */
export function searchTexts(texts: readonly Hit[], typed: string): Hit[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return []
  const scored = texts.flatMap((each) => {
    const [title, text] = [each.title.toLowerCase(), each.text.toLowerCase()]
    if (!words.every((word) => title.includes(word) || text.includes(word))) return []
    const inTitle = words.filter((word) => title.includes(word)).length
    const at = Math.max(0, text.indexOf(words[0] ?? '') - 60)
    const around = each.text.slice(at, at + 160).trim()
    return [{ hit: { ...each, text: around }, inTitle }]
  })
  return scored
    .sort((a, b) => b.inTitle - a.inTitle)
    .slice(0, EACH)
    .map(({ hit }) => hit)
}

const kept = new WeakMap<App, Hit[]>()

/** The docs as plain text, read once: some dozens of files. */
function docsOf(app: App): Hit[] {
  const known = kept.get(app)
  if (known) return known
  const folder = join(app.config.content_dir, 'docs')
  const docs = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.mdx?$/.test(path))
    .map((path) =>
      docOf(
        path,
        fillWords(readFileSync(join(folder, path), 'utf8'), distributionWords(app.distribution)),
      ),
    )
  kept.set(app, docs)
  return docs
}

/** The title of a page's head, without its quotes. */
function titleOf(head: string): string | undefined {
  const said = /^title:(.*)$/m.exec(head)?.[1]?.trim()
  return said?.replace(/^["']/, '').replace(/["']$/, '')
}

function docOf(path: string, source: string): Hit {
  const [, head = '', body = ''] = /^---\r?\n([\s\S]*?)\r?\n---\r?\n([\s\S]*)$/.exec(source) ?? []
  const title = titleOf(head) ?? path
  const slug = path.replace(/\.mdx?$/, '').replace(/(^|\/)index$/, '')
  const text = body
    .replace(/^import .*$/gm, '')
    .replace(/<(svg|span)\b(?:(?!<\1\b)[\s\S])*?<\/\1>/g, '')
    .replace(/<\/?div\b[^<>]*>/g, '')
    .replace(/\[([^[\]]*)\]\([^()]*\)/g, '$1')
    .replace(/[#*`|>{}]+/g, ' ')
    .replace(/\s+/g, ' ')
  return { title, href: slug === '' ? '/docs' : `/docs/${slug}`, text }
}
