/** Feeds as a reader takes them: well-formed, the same bytes when nothing happened, hostile text disarmed. */
import { SaxesParser } from 'saxes'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { create } from 'xmlbuilder2'
import { build, pkg } from '../../db/schema/builds.ts'
import { advisory } from '../../db/schema/errata.ts'
import { update } from '../../db/schema/updates.ts'
import { atomFeed } from '../../src/atom.ts'
import { createPortal } from '../../src/portal.ts'
import { type JsonFeed, readAtom, readJsonFeed } from '../support/feeds.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

const hostile =
  ']]></content><script>alert(1)</script>&amp;&\u0000\u0008\u001b<![CDATA[ \ud800 "\'￿'

let app: TestApp
let portal: ReturnType<typeof createPortal>
const at = Date.UTC(2026, 0, 2, 3, 4, 5)

beforeAll(async () => {
  app = await testApp()
  portal = createPortal(app)
  // PostgreSQL takes no NUL in text; what reaches a feed by another way is covered by the others.
  const text = hostile.replace('\u0000', '').toWellFormed()
  await app.database.write(async (tx) => {
    await tx.insert(pkg).values({ name: 'x', created_at: at })
    await tx.insert(build).values({
      ...{ package_id: 1, name: 'x', epoch: 0, version: '1', release: '1', nvr: 'x-1-1' },
      ...{ state: 1, task_id: 1, target: 'keel10', source: 'x', summary: text },
      ...{ created_at: at, completed_at: at + 1000 },
    })
    await tx.insert(update).values({
      ...{ alias: 'KEEL-2026-0000000001', release: 'keel10', title: text, notes: text },
      ...{ type: 'bugfix', severity: 'low', status: 'testing', submitter_id: 1, submitter: 'ann' },
      ...{ stable_karma: 3, unstable_karma: -3, autokarma: true, autotime: true },
      ...{ require_bugs: false, require_testcases: false, critical: false },
      ...{ created_at: at, modified_at: at, testing_at: at + 5000 },
    })
    await tx.insert(advisory).values({
      ...{ number: 'KLBA-2026:0001', year: 2026, sequence: 1, release: 'keel10', type: 'bugfix' },
      ...{ update_alias: 'KEEL-2026-0000000001', severity: 'low', title: text, summary: text },
      ...{ description: text, references: [], build_ids: [1], issued_at: at, updated_at: at },
    })
  })
})
afterAll(() => app.end())

const read = (path: string, headers: Record<string, string> = {}) =>
  portal.request(`http://portal.test${path}`, { headers })

interface Entry {
  id: string
  title: unknown
  link: { '@href': string }
  updated: string
  published: string
}

async function atom(path: string) {
  const answer = await read(path)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('Content-Type')).toMatch(/^application\/atom\+xml/)
  const xml = await answer.text()
  // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 forbids them
  expect(xml).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/)
  // Throws where the document is not well-formed.
  const { feed } = create(xml).end({ format: 'object' }) as unknown as {
    feed: { '@xmlns': string; id: string; title: string; updated: string; entry: Entry }
  }
  return { xml, feed }
}

describe('a title', () => {
  it('forges no entry, and reads as it was typed', () => {
    const title = 'x]]>]]></title></entry><entry><title>forged'
    const entry = { id: 'http://a.test/1', link: 'http://a.test/1', html: title }
    const xml = atomFeed({
      ...{ title, link: 'http://a.test/', address: 'http://a.test/feed', author: 'a' },
      ...{ rights: 'a', language: 'en' },
      entries: [{ ...entry, title, published_ms: at, updated_ms: at }],
    })
    const parser = new SaxesParser()
    const texts: string[] = []
    let entries = 0
    parser.on('opentag', ({ name }) => {
      if (name === 'entry') entries += 1
    })
    parser.on('text', (text) => texts.push(text))
    parser.write(xml).close()
    expect(entries).toBe(1)
    // Of the feed, of the entry, and the content.
    expect(texts.filter((text) => text === title)).toHaveLength(3)
  })
})

describe.each([
  ['builds', 'http://portal.test/builds/x-1-1', at, at + 1000],
  ['updates', 'http://portal.test/updates/KEEL-2026-0000000001', at, at + 5000],
  ['errata', 'http://portal.test/errata/KLBA-2026:0001', at, at],
])('the feed of %s', (what, id, published, updated) => {
  it('is an Atom document with an entry of a fixed id and true dates', async () => {
    const { feed } = await atom(`/feeds/${what}.atom`)
    expect(feed['@xmlns']).toBe('http://www.w3.org/2005/Atom')
    expect(feed.id).toBe(`http://portal.test/${what}`)
    expect(Date.parse(feed.updated)).toBe(updated)
    expect(feed.entry.id).toBe(id)
    expect(feed.entry.link['@href']).toBe(id)
    expect(Date.parse(feed.entry.published)).toBe(published)
    expect(Date.parse(feed.entry.updated)).toBe(updated)
  })

  it('has no markup from outside', async () => {
    const { xml } = await atom(`/feeds/${what}.atom`)
    const text = xml.replaceAll(/<!\[CDATA\[[\s\S]*?\]\]>/g, '')
    expect(text).not.toContain('<script')
    for (const [, html = ''] of xml.matchAll(/<content[^>]*><!\[CDATA\[([\s\S]*?)\]\]>/g))
      expect(html).not.toContain('<script')
  })

  it('says the same as JSON Feed', async () => {
    const answer = await read(`/feeds/${what}.json`)
    expect(answer.headers.get('Content-Type')).toMatch(/^application\/feed\+json/)
    const feed = (await answer.json()) as JsonFeed
    expect(feed.items?.map((item) => item.id)).toEqual([id])
  })

  it('keeps to RFC 4287 and to JSON Feed 1.1', async () => {
    const address = `http://portal.test/feeds/${what}`
    const { xml } = await atom(`/feeds/${what}.atom`)
    const json = (await (await read(`/feeds/${what}.json`)).json()) as JsonFeed
    const none = { entries: 1, faults: [] }
    expect(readAtom(xml, `${address}.atom`)).toEqual(none)
    expect(readJsonFeed(json, `${address}.json`)).toEqual(none)
  })

  it('is not sent again to who has it', async () => {
    const etag = (await read(`/feeds/${what}.atom`)).headers.get('ETag') ?? ''
    expect(etag).not.toBe('')
    expect((await read(`/feeds/${what}.atom`, { 'If-None-Match': etag })).status).toBe(304)
  })
})
