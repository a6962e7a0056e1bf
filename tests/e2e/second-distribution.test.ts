/**
 * Another distribution is another content folder, never other code: the site is built with tests/e2e/skerry and
 * the docs of this repository, started, filled and walked, and nothing of the first distribution is left in it.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Distribution, readDistribution } from '../../src/kernel/distribution.ts'
import { violationsOn } from '../support/axe.ts'
import { contrastIn, ownPalettes, pairs } from '../support/contrast.ts'
import { type Answer, crawl } from '../support/crawl.ts'
import { headOf, placesOf } from '../support/head.ts'
import { lettersTo, signUp } from '../support/people.ts'
import { createPortal, node, type Portal, root } from '../support/portal.ts'
import { launchBrowser, type SeededSite, seedSite } from '../support/site.ts'

const RELEASE = 'skerry4'
/** In the checkout, where what is built finds its packages; the path's end is what support/portal.ts looks for. */
const folder = join(root, 'test-output/skerry')
const built = join(folder, 'dist')
const content = join(folder, 'content')
/** Its name in any writing, its packages' %dist, advisories and codename. */
const first = /keel|\bkl10\b|\bKL[SBE]A-|garboard/i

let distribution: Distribution
let portal: Portal
let site: SeededSite
let browser: Browser
/** Of the whole site, by path. */
let answers: Map<string, Answer>

/** What machines ask for and no page links to. */
const machines = [
  ...['/robots.txt', '/sitemap.xml', '/api/openapi.json', '/brand/card.png'],
  ...['builds', 'updates', 'errata', 'readiness', 'news', 'downloads'].flatMap((what) => [
    `/feeds/${what}.atom`,
    `/feeds/${what}.json`,
  ]),
  ...[`/releases/${RELEASE}/schedule.ics`, '/api/downloads', '/api/updates', '/api/builds'],
  ...[`/metalink?repo=core-4&arch=x86_64`, '/api/releases', '/account/first-admin', '/?lang=ar'],
]

beforeAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  cpSync(join(import.meta.dirname, 'skerry'), content, { recursive: true })
  cpSync(join(root, 'content/docs'), join(content, 'docs'), { recursive: true })
  distribution = readDistribution(content)
  portal = await createPortal({ content, env: { SLIPWAY_SITE: built } })
  const env = { SLIPWAY_CONTENT: content, SLIPWAY_SITE: built, SLIPWAY_URL: portal.url }
  const astro = join(root, 'node_modules/astro/bin/astro.mjs')
  const { status, stderr } = spawnSync(node, [astro, 'build', '--silent'], {
    ...{ cwd: root, encoding: 'utf8' },
    env: { ...process.env, ...env, ASTRO_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' },
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  await portal.start()
  site = await seedSite(portal, { release: RELEASE, dist: '.sk4' })
  browser = await launchBrowser()
  answers = await crawl(portal.url, [...site.routes, ...machines])
})
afterAll(async () => {
  await browser?.close()
  await portal?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Where the first distribution is named, with the words around it. */
const naming = (texts: Iterable<readonly [where: string, text: string]>) =>
  [...texts].flatMap(([where, text]) => {
    const found = first.exec(where) ?? first.exec(text)
    return found
      ? [`${where}: …${text.slice(Math.max(found.index - 40, 0), found.index + 40)}…`]
      : []
  })

test('it answers under its own name everywhere', () => {
  const failed = [...answers].filter(([, { status }]) => status >= 400).map(([path]) => path)
  expect(failed).toEqual(['/no-such-page', '/500'])
  expect(answers.size).toBeGreaterThan(120)
  for (const kind of ['text/html', 'text/css', 'application/json', 'image/svg', 'application/atom'])
    expect([...answers.values()].some(({ type, text }) => type.startsWith(kind) && text)).toBe(true)
  for (const path of [...site.routes, '/sitemap.xml', '/feeds/news.atom', '/api/openapi.json'])
    expect(answers.get(path)?.text, path).toMatch(path === '/sitemap.xml' ? RELEASE : /Skerry/)
})

test('no page, style, script, feed or document of an API names the first distribution', () => {
  expect(naming([...answers].map(([path, { text }]) => [path, text] as const))).toEqual([])
})

test('no prerendered file does, nor what the docs’ search has of them', () => {
  const client = join(built, 'client')
  const files = readdirSync(client, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile() && !/\.(woff2|wasm)$/.test(each.name))
    .map(({ parentPath, name }) => join(parentPath, name))
  expect(files.filter((path) => path.endsWith('.html')).length).toBeGreaterThan(25)
  expect(files.some((path) => path.endsWith('.pf_fragment'))).toBe(true)
  const read = (path: string) => {
    const bytes = readFileSync(path)
    return (bytes.subarray(0, 2).toString('hex') === '1f8b' ? gunzipSync(bytes) : bytes).toString(
      'latin1',
    )
  }
  expect(naming(files.map((path) => [path.slice(client.length), read(path)] as const))).toEqual([])
})

test('what it publishes and mails is its own', async () => {
  const pub = join(portal.data, 'pub')
  const files = readdirSync(pub, { recursive: true, withFileTypes: true }).filter((each) =>
    each.isFile(),
  )
  const paths = files.map(({ parentPath, name }) => join(parentPath, name).slice(pub.length + 1))
  expect(paths).toContain('RPM-GPG-KEY-skerry')
  expect(paths.some((path) => path.endsWith('.iso'))).toBe(true)
  const text = paths.filter((path) => /treeinfo|discinfo|media\.repo|\.xml$|CHECKSUM/.test(path))
  expect(text.some((path) => path.endsWith('.treeinfo'))).toBe(true)
  expect(
    naming([
      ...paths.map((path) => [path, ''] as const),
      ...text.map((path) => [path, readFileSync(join(pub, path), 'utf8')] as const),
    ]),
  ).toEqual([])

  await signUp(portal, 'a-tester')
  const letters = lettersTo(portal, 'a-tester@example.org')
  expect(letters.length).toBeGreaterThan(0)
  for (const letter of letters) expect(letter).toMatch(/^From: "?Skerry Linux"? </m)
  expect(naming(letters.map((letter) => ['a letter', letter] as const))).toEqual([])
  expect(naming([['what its programs print', portal.said()]])).toEqual([])
})

test('its mark, icon, card and words are on every page, prerendered or not', () => {
  const file = (name: string) => readFileSync(join(content, 'brand', name), 'utf8')
  for (const route of site.routes) {
    const { text = '' } = answers.get(route) ?? {}
    expect(text.replaceAll(/\s+/g, ' '), route).toContain(
      distribution.brand.mark.trim().replaceAll(/\s+/g, ' '),
    )
    expect(text, route).toContain('/brand/icon.svg')
    expect(text, route).toContain(`${portal.url}/brand/card.png`)
  }
  expect(answers.get('/brand/icon.svg')?.text).toBe(file('icon.svg'))
  expect(answers.get('/brand/card.png')).toMatchObject({ status: 200, type: 'image/png' })
  // One sentence of its own; all others are those that every distribution has.
  expect(answers.get('/')?.text).toContain('Wade ashore')
  expect(answers.get('/')?.text).not.toContain('Skip to the content')
  expect(answers.get('/download')?.text).toContain('Sign up')
  expect(answers.get('/news')?.text).toContain('Eider is in sight')
})

test('a page of its docs that differs for one release leads to the one for all others, and back', () => {
  const own = answers.get('/docs/3/upgrade')?.text
  expect(own).toContain('For Skerry Linux 3.')
  expect(own).toMatch(/<nav class="docs-versions"[^>]*>.*href="\/docs\/upgrade"/s)
  expect(own).toMatch(/<b aria-current="page">Skerry Linux 3<\/b>/)
  const other = answers.get('/docs/upgrade')?.text
  expect(other).toMatch(
    /<b aria-current="page">all other releases<\/b>.*href="\/docs\/3\/upgrade"/s,
  )
  expect(answers.get('/docs/install')?.text).not.toContain('docs-versions')
})

test('its docs, built for its address, say where they are and what a link to them shows', async () => {
  const docs = placesOf(answers.get('/sitemap.xml')?.text ?? '').filter((each) =>
    each.includes('/docs/'),
  )
  expect(docs.length).toBeGreaterThan(25)
  for (const place of docs) {
    const { canonical, og } = headOf(await (await fetch(place)).text())
    expect(canonical).toBe(place)
    expect(og.get('og:url')).toEqual([place])
    expect(og.get('og:image')).toEqual([`${portal.url}/brand/card.png`])
    expect(og.get('og:image:alt')?.[0]).toContain('Skerry')
  }
})

test.each(['light', 'dark'] as const)(
  'its %s colours are kept apart as the law of contrast asks',
  (scheme) => {
    const palette = { ...ownPalettes()[scheme], ...distribution.brand[scheme] }
    const faint = pairs.filter(([ink, ground, least]) => contrastIn(palette, ink, ground) < least)
    expect(faint).toEqual([])
  },
)

const rgb = (hex: string) =>
  `rgb(${[1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join(', ')})`

/** What the browser paints: the ground of the page, and the stroke of the mark. */
const paintOf = (page: Page) =>
  page.evaluate(() => ({
    // Pages paint the root, the docs the body.
    ground: [document.documentElement, document.body]
      .map((each) => getComputedStyle(each).backgroundColor)
      .find((colour) => colour !== 'rgba(0, 0, 0, 0)'),
    stroke: getComputedStyle(document.querySelector('.wordmark path + path') as Element).stroke,
  }))

test.each(['light', 'dark'] as const)(
  'pages are painted in its %s colours, and can be read; printed, they are black on white',
  async (colorScheme) => {
    const { paper = '', lead = '' } = distribution.brand[colorScheme]
    const page = await browser.newPage({ colorScheme })
    for (const route of ['/', '/download', '/updates', '/design', '/docs/install']) {
      await page.goto(portal.url + route)
      expect(await paintOf(page), route).toEqual({ ground: rgb(paper), stroke: rgb(lead) })
      expect(await violationsOn(page, ['color-contrast']), route).toEqual([])
    }
    await page.emulateMedia({ media: 'print', colorScheme })
    const printed = { ground: rgb('#ffffff'), stroke: rgb('#000000') }
    for (const route of ['/', '/docs/install']) {
      await page.goto(portal.url + route)
      expect(await paintOf(page), route).toEqual(printed)
    }
    await page.close()
  },
)
