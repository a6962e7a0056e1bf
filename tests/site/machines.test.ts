/** What machines read of the site: robots.txt, the sitemap, calendars and facts as JSON-LD; feeds are in feeds.test.ts. */
import ICAL from 'ical.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { create } from 'xmlbuilder2'
import { syncReleases } from '../../src/distribution/releases.ts'
import type { ImageFacts } from '../../src/downloads/facts.ts'
import { createPortal } from '../../src/portal.ts'
import { scheduleOf, syncMilestones } from '../../src/releases/milestones.ts'
import { releaseData } from '../../src/site/downloads/structured.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let portal: ReturnType<typeof createPortal>

beforeAll(async () => {
  app = await testApp()
  portal = createPortal(app)
  await syncReleases(ctxOf(app))
  await syncMilestones(ctxOf(app))
})
afterAll(() => app.end())

const read = (path: string) => portal.request(`http://portal.test${path}`)

test('robots.txt lets all in but where they have no business, and names the sitemap', async () => {
  const lines = (await (await read('/robots.txt')).text()).trim().split('\n')
  expect(lines).toEqual([
    ...['User-agent: *', 'Disallow: /account', 'Disallow: /api/builder', ''],
    'Sitemap: http://portal.test/sitemap.xml',
  ])
})

test('the sitemap keeps to its protocol', async () => {
  const answer = await read('/sitemap.xml')
  expect(answer.headers.get('Content-Type')).toMatch(/^application\/xml/)
  const { urlset } = create(await answer.text()).end({ format: 'object' }) as unknown as {
    urlset: { '@xmlns': string; url: { loc: string; lastmod?: string }[] }
  }
  expect(urlset['@xmlns']).toBe('http://www.sitemaps.org/schemas/sitemap/0.9')
  const places = urlset.url.map(({ loc }) => loc)
  expect(new Set(places).size).toBe(places.length)
  for (const path of ['/', '/download', '/docs/', '/docs/install/', '/releases/keel10'])
    expect(places).toContain(`http://portal.test${path}`)
  for (const { loc, lastmod } of urlset.url) {
    expect(loc.startsWith('http://portal.test/') && loc.length < 2048).toBe(true)
    expect(lastmod ?? '2026-01-01T00:00:00.000Z').toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  }
})

test('a calendar program reads every milestone', async () => {
  const text = await (await read('/releases/keel10/schedule.ics')).text()
  const calendar = new ICAL.Component(ICAL.parse(text))
  const events = calendar.getAllSubcomponents('vevent').map((each) => new ICAL.Event(each))
  const milestones = await scheduleOf(ctxOf(app), 'keel10')
  expect(events.map(({ startDate }) => startDate.toString()).sort()).toEqual(
    milestones.map(({ milestone }) => milestone.date).sort(),
  )
  expect(new Set(events.map(({ uid }) => uid)).size).toBe(milestones.length)
})

test('a release says as JSON-LD what it is and what its image holds', () => {
  const image = {
    ...{ filename: 'x.iso', download_url: 'http://portal.test/x.iso', size_bytes: 5 },
    ...{ sha256: 'ab', arch: 'x86_64', date: '2026-01-05', made_at: '2026-01-05T00:00:00Z' },
  } as ImageFacts
  const about = { name: 'X 1', version: '1', vendor: 'X', url: 'http://portal.test/releases/x1' }
  expect(releaseData(about, [])).not.toHaveProperty('downloadUrl')
  expect(releaseData(about, [image])).toMatchObject({
    ...{ '@type': 'SoftwareApplication', softwareVersion: '1', datePublished: '2026-01-05' },
    ...{ downloadUrl: image.download_url, fileSize: '5 B' },
    associatedMedia: [{ '@type': 'MediaObject', sha256: 'ab' }],
  })
})
