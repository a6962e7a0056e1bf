/** What a feed owes its readers: RFC 4287 for Atom, https://jsonfeed.org/version/1.1 for JSON Feed. */
import { create } from 'xmlbuilder2'

interface AtomLink {
  '@href'?: string
  '@rel'?: string
}
interface AtomEntry {
  id?: string
  title?: unknown
  updated?: string
  published?: string
  author?: unknown
  content?: unknown
  link?: AtomLink | AtomLink[]
}
interface AtomFeed extends AtomEntry {
  '@xmlns'?: string
  entry?: AtomEntry | AtomEntry[]
}
interface JsonItem {
  id?: unknown
  url?: string
  title?: string
  content_html?: unknown
  content_text?: unknown
  date_published?: string
  date_modified?: string
  authors?: { name?: string }[]
}
export interface JsonFeed {
  version?: string
  title?: string
  home_page_url?: string
  feed_url?: string
  authors?: { name?: string }[]
  items?: JsonItem[]
}

const list = <T>(found: T | T[] | undefined): T[] =>
  found === undefined ? [] : ([found].flat() as T[])
const date = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/
const isDate = (text: unknown) =>
  typeof text === 'string' && date.test(text) && !Number.isNaN(Date.parse(text))
const isAbsolute = (text: unknown) =>
  typeof text === 'string' && /^https?:\/\//.test(text) && URL.canParse(text)

/** Sentences for what is not there or twice. */
function check(where: string, facts: Record<string, boolean>): string[] {
  return Object.entries(facts).flatMap(([fact, holds]) => (holds ? [] : [`${where}: ${fact}`]))
}

const isOnce = (ids: unknown[]) => new Set(ids).size === ids.length

/** @returns how many entries it has, and what is wrong. @throws Error where it is no XML */
export function readAtom(xml: string, address: string): { entries: number; faults: string[] } {
  const { feed = {} } = create(xml).end({ format: 'object' }) as unknown as { feed?: AtomFeed }
  const entries = list(feed.entry)
  const links = list(feed.link)
  const faults = check('feed', {
    'the namespace of Atom': feed['@xmlns'] === 'http://www.w3.org/2005/Atom',
    'an id that is an IRI': isAbsolute(feed.id),
    'a title': Boolean(feed.title),
    'updated, RFC 3339': isDate(feed.updated),
    'an author': feed.author !== undefined,
    'a link to itself': links.some((each) => each['@rel'] === 'self' && each['@href'] === address),
    'absolute links': links.length > 0 && links.every((each) => isAbsolute(each['@href'])),
    'entries of different ids': isOnce(entries.map(({ id }) => id)),
  })
  for (const entry of entries)
    faults.push(
      ...check(`entry ${entry.id}`, {
        'an id that is an IRI': isAbsolute(entry.id),
        'a title': Boolean(entry.title),
        'updated, RFC 3339': isDate(entry.updated),
        'published, RFC 3339, and not after updated':
          isDate(entry.published) && String(entry.published) <= String(entry.updated),
        'a content or an alternate link': list(entry.link).length > 0,
        'absolute links': list(entry.link).every((each) => isAbsolute(each['@href'])),
      }),
    )
  return { entries: entries.length, faults }
}

/** @returns how many items it has, and what is wrong */
export function readJsonFeed(
  feed: JsonFeed,
  address: string,
): { entries: number; faults: string[] } {
  const items = feed.items ?? []
  const named = (authors: { name?: string }[] = []) => authors.every(({ name }) => Boolean(name))
  const faults = check('feed', {
    'version 1.1': feed.version === 'https://jsonfeed.org/version/1.1',
    'a title': Boolean(feed.title),
    'its home page': isAbsolute(feed.home_page_url),
    'its own address': feed.feed_url === address,
    'authors with names': (feed.authors ?? []).length > 0 && named(feed.authors),
    'a list of items': Array.isArray(feed.items),
    'items of different ids': isOnce(items.map(({ id }) => id)),
    // Of version 1; 1.1 has authors.
    'no author': !('author' in feed) && items.every((item) => !('author' in item)),
  })
  for (const item of items)
    faults.push(
      ...check(`item ${item.id}`, {
        'an id that is text': typeof item.id === 'string' && item.id !== '',
        'an absolute address': isAbsolute(item.url),
        'a title': Boolean(item.title),
        content: typeof item.content_html === 'string' || typeof item.content_text === 'string',
        'dates, RFC 3339': isDate(item.date_published) && isDate(item.date_modified),
        'authors with names': named(item.authors),
      }),
    )
  return { entries: items.length, faults }
}
