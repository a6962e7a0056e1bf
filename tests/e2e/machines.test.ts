/** What machines read of the whole site as it is built: sitemap, feeds, facts and previews of pages, languages. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { readAtom, readJsonFeed } from '../support/feeds.ts'
import { headOf, placesOf } from '../support/head.ts'
import { type Portal, startPortal } from '../support/portal.ts'
import { RELEASE, type SeededSite, seedSite } from '../support/site.ts'

let portal: Portal
let site: SeededSite

beforeAll(async () => {
  portal = await startPortal()
  site = await seedSite(portal)
})
afterAll(() => portal?.stop())

const ask = (path: string, headers: Record<string, string> = {}) =>
  fetch(new URL(path, portal.url), { headers, redirect: 'manual' })
const isDocs = (path: string) => /^\/docs(\/|$)/.test(path)

test('every address of the sitemap is a page that search engines may show, under this one address', async () => {
  const places = placesOf(await (await ask('/sitemap.xml')).text())
  expect(new Set(places).size).toBe(places.length)
  expect(places.length).toBeGreaterThan(50)
  const faults: string[] = []
  for (const place of places) {
    const answer = await ask(place)
    const { canonical, robots } = headOf(await answer.text())
    const type = answer.headers.get('Content-Type') ?? ''
    if (answer.status !== 200 || !type.startsWith('text/html') || robots !== undefined)
      faults.push(`${answer.status} ${type} ${robots} ${place}`)
    // The docs of this build know no address; second-distribution.test.ts builds some that do.
    const wanted = isDocs(new URL(place).pathname) ? undefined : place
    if (canonical !== wanted) faults.push(`${place} calls itself ${canonical}`)
  }
  expect(faults).toEqual([])
})

// There is no advisory yet: tests/site/feeds.test.ts has one.
test.each([
  ...[['builds', 3] as const, ['updates', 1] as const, ['errata', 0] as const],
  ...[['readiness', 1] as const, ['news', 2] as const, ['downloads', 1] as const],
])('the feeds of %s are Atom and JSON Feed as both are written down', async (what, least) => {
  const address = `${portal.url}/feeds/${what}`
  const atom = readAtom(await (await ask(`${address}.atom`)).text(), `${address}.atom`)
  const json = readJsonFeed(await (await ask(`${address}.json`)).json(), `${address}.json`)
  expect([...atom.faults, ...json.faults]).toEqual([])
  expect(atom.entries).toBeGreaterThanOrEqual(least)
  expect(json.entries).toBe(atom.entries)
})

test('a release and its image are facts in its page', async () => {
  const { data } = headOf(await (await ask(`/releases/${RELEASE}`)).text())
  const url = `${portal.url}/releases/${RELEASE}`
  expect(data).toHaveLength(1)
  expect(data[0]).toMatchObject({
    ...{ '@context': 'https://schema.org', '@type': 'SoftwareApplication', url },
    ...{ name: 'Keel Linux 10', applicationCategory: 'OperatingSystem', softwareVersion: '10' },
    author: { '@type': 'Organization', name: 'The Keel Linux Project' },
    // What search engines ask of a SoftwareApplication beside its name.
    offers: { '@type': 'Offer', price: 0 },
  })
  const [{ downloadUrl, associatedMedia } = {}] = data
  expect((await fetch(String(downloadUrl), { method: 'HEAD' })).status).toBe(200)
  expect(associatedMedia).toMatchObject([{ '@type': 'MediaObject', contentUrl: downloadUrl }])
})

test('a link to any page has a preview: title, text, and a card that is there', async () => {
  const faults: string[] = []
  const images = new Set<string>()
  for (const route of site.routes) {
    const { og } = headOf(await (await ask(route)).text())
    const needed = ['og:title', 'og:type', 'og:description', 'og:site_name', 'og:locale']
    if (!isDocs(route)) needed.push('og:url', 'og:image', 'og:image:alt')
    for (const property of needed)
      if (og.get(property)?.length !== 1 || !og.get(property)?.[0])
        faults.push(`${route} ${property}`)
    for (const image of og.get('og:image') ?? []) images.add(image)
  }
  expect(faults).toEqual([])
  expect([...images]).toEqual([`${portal.url}/brand/card.png`])
  for (const image of images) {
    const answer = await ask(image)
    expect([answer.status, answer.headers.get('Content-Type')]).toEqual([200, 'image/png'])
    // PNG, by its first eight bytes, and its width and height behind them.
    const bytes = Buffer.from(await answer.arrayBuffer())
    expect(bytes.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a')
    expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([1200, 630])
  }
})

describe('the language of a page', () => {
  const languageOf = async (answer: Response) => {
    const { lang, dir } = headOf(await answer.text())
    return [lang, dir]
  }

  it('is said to depend on who asks, on every page that a request makes', async () => {
    const silent: string[] = []
    for (const route of site.routes.filter((each) => !isDocs(each))) {
      const answer = await ask(route)
      await answer.body?.cancel()
      const vary = (answer.headers.get('Vary') ?? '').toLowerCase().split(/\s*,\s*/)
      if (!['accept-language', 'cookie'].every((each) => vary.includes(each))) silent.push(route)
    }
    expect(silent).toEqual([])
  })

  it.each([
    ['ar', 'ar', 'rtl'],
    ['de-AT,en;q=0.5', 'de', 'ltr'],
    ['xx', 'en', 'ltr'],
  ])('follows the browser’s wish %s', async (wish, ...expected) => {
    const answer = await ask('/', { 'Accept-Language': wish })
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(await languageOf(answer)).toEqual(expected)
  })

  it('is kept once it is chosen, whatever the browser wishes', async () => {
    const chosen = await ask('/download?lang=ar', { 'Accept-Language': 'de' })
    const [cookie = ''] = chosen.headers.getSetCookie()
    expect(cookie).toMatch(/^slipway_lang=ar;.*Path=\//)
    expect(await languageOf(chosen)).toEqual(['ar', 'rtl'])
    const Cookie = cookie.split(';')[0] ?? ''
    const next = await ask('/mirrors', { Cookie, 'Accept-Language': 'de' })
    expect(await languageOf(next)).toEqual(['ar', 'rtl'])
  })

  it('is no language that there is not', async () => {
    const answer = await ask('/?lang=xx')
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(await languageOf(answer)).toEqual(['en', 'ltr'])
  })
})
