/** Feeds as files: Atom (RFC 4287) by the portal's XML writer, and JSON Feed 1.1. What people wrote is text in both. Pure. */
import { element, type Xml } from './kernel/xml.ts'

export interface Entry {
  /** An address, the entry's for ever. */
  id: string
  link: string
  title: string
  html: string
  published_ms: number
  updated_ms: number
  authors?: string[]
}

export interface FeedFacts {
  title: string
  /** The page that shows the same. */
  link: string
  /** Without ending. */
  address: string
  author: string
  rights: string
  language: string
  entries: Entry[]
}

/** A feed is as new as its newest entry, so that asking again gives the same bytes. */
const newest = (entries: readonly Entry[]) =>
  Math.max(0, ...entries.map(({ updated_ms }) => updated_ms))

const moment = (at_ms: number) => new Date(at_ms).toISOString()
const author = (name: string): Xml => element('author', {}, element('name', {}, name))

function atomEntry({ id, link, title, html, published_ms, updated_ms, authors = [] }: Entry): Xml {
  return element(
    'entry',
    {},
    element('id', {}, id),
    element('title', { type: 'text' }, title),
    element('link', { href: link }),
    element('published', {}, moment(published_ms)),
    element('updated', {}, moment(updated_ms)),
    ...authors.map(author),
    element('content', { type: 'html' }, html),
  )
}

export function atomFeed(feed: FeedFacts): string {
  const root = element(
    'feed',
    { xmlns: 'http://www.w3.org/2005/Atom', 'xml:lang': feed.language },
    element('id', {}, feed.link),
    element('title', { type: 'text' }, feed.title),
    element('updated', {}, moment(newest(feed.entries))),
    author(feed.author),
    element('link', { rel: 'alternate', href: feed.link }),
    element('link', { rel: 'self', href: `${feed.address}.atom` }),
    element('rights', {}, feed.rights),
    ...feed.entries.map(atomEntry),
  )
  return `<?xml version="1.0" encoding="utf-8"?>\n${root.text}\n`
}

/** By https://jsonfeed.org/version/1.1. */
export function jsonFeed(feed: FeedFacts) {
  const named = (names: string[]) => names.map((name) => ({ name }))
  return {
    version: 'https://jsonfeed.org/version/1.1',
    title: feed.title,
    home_page_url: feed.link,
    feed_url: `${feed.address}.json`,
    language: feed.language,
    authors: named([feed.author]),
    items: feed.entries.map(({ id, link, title, html, published_ms, updated_ms, authors }) => ({
      ...{ id, url: link, title, content_html: html },
      date_published: moment(published_ms),
      date_modified: moment(updated_ms),
      ...(authors && { authors: named(authors) }),
    })),
  }
}
