/**
 * What every page must be: accessible (axe, WCAG 2.2 AA), valid, small, without other origins and without broken
 * links. The ways of visitors through it are in visitors.test.ts.
 */
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { HtmlValidate } from 'html-validate'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { violationsOn } from '../support/axe.ts'
import { crawl, linksOf } from '../support/crawl.ts'
import { password, signUp } from '../support/people.ts'
import { type Portal, root, startPortal } from '../support/portal.ts'
import { launchBrowser, RELEASE, type SeededSite, seedSite } from '../support/site.ts'

/** Kept for whoever wants to look: test-output is not in the repository. */
const shots = join(root, 'test-output/screenshots')

let portal: Portal
let browser: Browser
let site: SeededSite

beforeAll(async () => {
  portal = await startPortal({ distribution: [['stable_karma: 2', 'stable_karma: 9']] })
  site = await seedSite(portal)
  browser = await launchBrowser()
  mkdirSync(shots, { recursive: true })
})
afterAll(async () => {
  await browser?.close()
  await portal?.stop()
})

const desk = { viewport: { width: 1280, height: 900 } }
const phone = { viewport: { width: 390, height: 844 } }

async function withPage<T>(
  options: BrowserContextOptions,
  work: (page: Page) => Promise<T>,
): Promise<T> {
  const context = await browser.newContext(options)
  try {
    return await work(await context.newPage())
  } finally {
    await context.close()
  }
}

/** Tabs that look at pages side by side: a core each. */
const TABS = 2

/** Opens every kind of page, as nobody and then as the administrator; several at once, in no order. */
async function onEveryPage(
  options: BrowserContextOptions,
  look: (page: Page, route: string) => Promise<void>,
): Promise<void> {
  for (const { cookie, routes, who } of asEach()) {
    const left = routes.values()
    const tab = () =>
      withPage(options, async (page) => {
        const [name = '', value = ''] = cookie?.split('=') ?? []
        if (cookie) await page.context().addCookies([{ name, value, url: portal.url }])
        for (const route of left) {
          await page.goto(portal.url + route)
          await look(page, who + route)
        }
      })
    await Promise.all(Array.from({ length: TABS }, tab))
  }
}

/** Every kind of page as the server sends it. */
async function everyHtml(): Promise<{ route: string; html: string }[]> {
  const found: { route: string; html: string }[] = []
  for (const { cookie, routes, who } of asEach())
    for (const route of routes) {
      const answer = await fetch(portal.url + route, { headers: cookie ? { Cookie: cookie } : {} })
      found.push({ route: who + route, html: await answer.text() })
    }
  return found
}

const asEach = () => [
  { who: '', cookie: undefined, routes: site.routes },
  { who: 'logged in: ', cookie: site.cookie, routes: site.ownRoutes },
]

/** An address as a file of src/pages is one for. */
const kindOf = (file: string) =>
  new RegExp(
    `^/${file
      .replace(/\.astro$/, '')
      .replace(/(^|\/)index$/, '')
      .replace(/\[\w+\]/g, '[^/]+')}/?$`,
  )

it('looks at every kind of page: each file of src/pages has an address here', () => {
  const pages = readdirSync(join(root, 'src/pages'), { recursive: true, encoding: 'utf8' })
  const files = pages.filter((file) => file.endsWith('.astro') && file !== '404.astro')
  expect(files.length).toBeGreaterThan(40)
  const paths = [...site.routes, ...site.ownRoutes].map((route) => route.split('?')[0] ?? '')
  expect(files.filter((file) => !paths.some((path) => kindOf(file).test(path)))).toEqual([])
})

describe('every kind of page', () => {
  it.each([
    ['on a desk, light', { ...desk, colorScheme: 'light' }],
    ['on a desk, dark', { ...desk, colorScheme: 'dark' }],
    ['on a phone, light', { ...phone, colorScheme: 'light' }],
  ] as const)('has no accessibility violation %s', async (_, options) => {
    const found: Record<string, string[]> = {}
    await onEveryPage(options, async (page, route) => {
      const broken = await violationsOn(page)
      if (broken.length > 0) found[route] = broken
    })
    expect(found).toEqual({})
  })

  it('does not scroll sideways on a phone', async () => {
    const wide: string[] = []
    await onEveryPage(phone, async (page, route) => {
      const width = await page.evaluate(() => document.documentElement.scrollWidth)
      if (width > phone.viewport.width) wide.push(`${route}: ${width}`)
    })
    expect(wide).toEqual([])
  })

  it('is valid HTML', async () => {
    const validate = new HtmlValidate({
      extends: ['html-validate:standard', 'html-validate:document'],
      rules: {
        // Astro writes void elements and attributes in its own way, all of them allowed by the standard.
        'void-style': 'off',
        'no-trailing-whitespace': 'off',
        'attribute-boolean-style': 'off',
        'attribute-empty-style': 'off',
        'doctype-style': 'off',
        // Taste, not validity: tables keep their roles on a phone, where CSS makes blocks of them.
        'no-redundant-role': 'off',
        'prefer-native-element': 'off',
        'long-title': 'off',
        'no-inline-style': 'off',
        'no-implicit-button-type': 'off',
        // Everything comes from this origin.
        'require-sri': 'off',
      },
    })
    const found: Record<string, string[]> = {}
    for (const { route, html } of await everyHtml()) {
      const report = await validate.validateString(html)
      const messages = report.results.flatMap(({ messages: each }) =>
        each
          .filter(({ severity }) => severity === 2)
          .map((m) => `${m.ruleId} ${m.line}: ${m.message}`),
      )
      if (messages.length > 0) found[route] = messages.slice(0, 5)
    }
    expect(found).toEqual({})
  })

  it('asks no other origin for anything', async () => {
    const asked: string[] = []
    await withPage(desk, async (page) => {
      page.on('request', (request) => {
        const { origin } = new URL(request.url())
        if (origin !== portal.url && origin !== 'null') asked.push(request.url())
      })
      for (const route of site.routes) await page.goto(portal.url + route)
    })
    expect(asked).toEqual([])
  })
})

const gzipped = (text: string | Buffer) => gzipSync(text).length
const KB = 1000
/** Pages that read well without any script; the docs have one for their search. */
const scriptless = ['/', '/download', '/download/verify', '/docs', '/docs/install']

/** Addresses of sheets and scripts that a page brings along. */
async function partsOf(html: string) {
  const sheets = [...html.matchAll(/<link[^>]*rel="stylesheet"[^>]*>/g)].map(([tag]) => tag)
  const scripts = [...html.matchAll(/<script[^>]*src="([^"]+)"/g)].map(([, src]) => src ?? '')
  return { sheets: sheets.map((tag) => /href="([^"]+)"/.exec(tag)?.[1] ?? ''), scripts }
}

async function size(paths: string[]): Promise<number> {
  const bodies = await Promise.all(
    paths.map(async (path) =>
      Buffer.from(await (await fetch(new URL(path, portal.url))).arrayBuffer()),
    ),
  )
  return bodies.reduce((sum, body) => sum + gzipped(body), 0)
}

test('every kind of page keeps its budget: HTML 14 kB, CSS 12 kB, scripts 10 kB, compressed', async () => {
  const over: string[] = []
  for (const { route, html } of await everyHtml()) {
    const { sheets, scripts } = await partsOf(html)
    // What the docs' pages have inline is a file for the security policy's sake: it counts as part of the page.
    const inline = scripts.filter((path) => path.includes('/inline.'))
    const own = scripts.filter(
      (path) => !inline.includes(path) && !(route.startsWith('/docs') && path.includes('Search')),
    )
    const sizes = {
      html: gzipped(html) + (await size(inline)),
      css: await size(sheets),
      js: await size(own),
    }
    if (sizes.html > 14 * KB) over.push(`${route}: HTML ${sizes.html}`)
    if (sizes.css > 12 * KB) over.push(`${route}: CSS ${sizes.css}`)
    const allowed = scriptless.includes(route) ? 20 : 10 * KB
    if (sizes.js > allowed) over.push(`${route}: scripts ${sizes.js} (${own.join(' ')})`)
  }
  expect(over).toEqual([])
})

/** Pages of failures are pages, too. */
const failures = ['/no-such-page', '/500']

it.each([
  ['nobody', () => ({})],
  ['the administrator', () => ({ Cookie: site.cookie })],
])(
  'has no broken link, in the whole site as it is built and seeded, for %s',
  async (_, headers) => {
    const answers = await crawl(portal.url, [...site.routes, ...site.ownRoutes], headers())
    const broken: string[] = []
    const pages = new Map<string, string>()
    for (const [key, { status, type, text, from }] of answers) {
      if (status >= 400 && !failures.includes(key)) broken.push(`${status} ${key} from ${from}`)
      const { pathname } = new URL(key, portal.url)
      if (type.startsWith('text/html')) pages.set(pathname.replace(/\/$/, ''), text)
    }
    for (const [path, html] of pages)
      for (const { pathname, hash } of linksOf(html, `${portal.url}${path}/`)) {
        const target = pages.get(pathname.replace(/\/$/, ''))
        const id = decodeURIComponent(hash.slice(1))
        if (id && target && !target.includes(`id="${id}"`))
          broken.push(`#${id} in ${pathname} from ${path}`)
      }
    expect([...new Set(broken)]).toEqual([])
    expect(answers.size).toBeGreaterThan(80)
  },
)

test('the first stop of the Tab key is a way past the navigation', async () => {
  await withPage(desk, async (page) => {
    await page.goto(portal.url)
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.className)).toBe('skip')
    await page.keyboard.press('Enter')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('content')
  })
})

test('one box finds packages, updates, docs and people', async () => {
  await withPage(desk, async (page) => {
    await page.goto(`${portal.url}/search`)
    await page.fill('#search-q', 'lantern')
    await page.keyboard.press('Enter')
    await page.waitForURL(/q=lantern/)
    expect(await page.textContent('#packages')).toContain('lantern')
    expect(await page.textContent('#updates')).toContain('A lantern')
    await page.goto(`${portal.url}/search?q=harbour`)
    expect(await page.textContent('#people')).toContain('harbour-master')
    await page.goto(`${portal.url}/search?q=packagers`)
    expect(await page.textContent('#groups')).toContain('Packagers')
    await page.goto(`${portal.url}/search?q=metalink`)
    expect(await page.textContent('#docs')).toContain('nstall')
    // Where scripts run, the docs' own index has ranked them.
    await page.waitForSelector('#docs ul[data-by="index"] a[href^="/docs/"]')
  })
  await withPage({ ...desk, javaScriptEnabled: false }, async (page) => {
    await page.goto(`${portal.url}/search?q=metalink`)
    expect(await page.locator('#docs a').count()).toBeGreaterThan(0)
  })
})

test('the docs’ own search comes when it is asked for, by pointer or key, and finds a word in them', async () => {
  for (const open of [
    (page: Page) => page.click('button[data-open-modal]'),
    (page: Page) => page.keyboard.press('Control+k'),
  ])
    await withPage(desk, async (page) => {
      const asked: string[] = []
      page.on('request', (request) => asked.push(request.url()))
      await page.goto(`${portal.url}/docs`, { waitUntil: 'networkidle' })
      expect(asked.filter((url) => /ui-core|pagefind/.test(url))).toEqual([])
      await open(page)
      await page.waitForSelector('#starlight__search input:focus')
      await page.keyboard.type('metalink')
      await page.waitForSelector('#starlight__search .pagefind-ui__result a')
    })
})

async function logIn(page: Page, username: string, next: string): Promise<void> {
  await page.goto(`${portal.url}/account/log-in?next=${next}`)
  await page.fill('#login', username)
  await page.fill('#password', password)
  await page.click('main form button.main')
}

/** With everything open that only those see who may do more. */
async function violationsOpened(page: Page): Promise<string[]> {
  await page.evaluate(() => {
    for (const each of document.querySelectorAll('details')) each.open = true
  })
  return violationsOn(page)
}

test('an administrator moves a milestone and freezes the release, and everyone reads why', async () => {
  await withPage(desk, async (page) => {
    await logIn(page, 'harbour-master', `/releases/${RELEASE}`)
    await page.click('summary:has-text("Move a milestone")')
    await page.selectOption('#milestone', 'beta')
    await page.fill('#date', '2027-02-03')
    await page.fill('#reason', 'The installer is late.')
    await page.click('form[action$="/schedule"] button.main')
    expect(await page.textContent('main')).toContain('The date is moved')
    expect(await violationsOpened(page)).toEqual([])
    await page.selectOption('#state', 'frozen')
    await page.fill('#state-reason', 'Beta freeze.')
    await page.click('form[action$="/state"] button.main')
    expect(await page.textContent('main')).toContain('The release is frozen')
    expect(await page.textContent('#life')).toContain('Nobody has decided go yet')
    expect(await violationsOpened(page)).toEqual([])
  })
  const schedule = await (await fetch(`${portal.url}/releases/${RELEASE}`)).text()
  expect(schedule).toContain('The installer is late.')
  expect(schedule).toContain('Beta freeze.')
})

test('a volunteer asks to join a group without scripts, and it is accepted or says what is wrong', async () => {
  await signUp(portal, 'volunteer')
  await withPage({ ...phone, javaScriptEnabled: false }, async (page) => {
    await logIn(page, 'volunteer', '/groups/testers')
    await page.fill('#ask-reason', 'I test what I use.')
    await page.click('form[action$="/ask"] button.main')
    expect(await page.textContent('#join')).toContain('I test what I use.')
  })
  await withPage(desk, async (page) => {
    await logIn(page, 'harbour-master', '/groups/testers')
    expect(await violationsOpened(page)).toEqual([])
    await page.fill('#keep-username', 'nobody-here')
    await page.fill('#keep-reason', 'Welcome.')
    await page.click('form[action$="/members/add"] button.main')
    expect(await page.textContent('#keep-username-error')).toContain('Nobody here has')
    expect(await page.inputValue('#keep-reason')).toBe('Welcome.')
    await page.fill('#requests input[name="reason"]', 'Welcome aboard.')
    await page.click('#requests button.main')
    expect(await page.textContent('#members table')).toContain('volunteer')
  })
  expect(await (await fetch(`${portal.url}/groups/testers`)).text()).toContain('volunteer')
})

test('main pages are kept as pictures, light and dark, on a phone and on a desk', async () => {
  const main = ['/', '/download', '/updates', '/mirrors', `/releases/${RELEASE}`, '/docs/install']
  for (const [size, viewport] of Object.entries({ desk, phone }))
    for (const colorScheme of ['light', 'dark'] as const)
      await withPage({ ...viewport, colorScheme }, async (page) => {
        for (const route of main) {
          await page.goto(portal.url + route)
          const name = route === '/' ? 'front' : route.slice(1).replaceAll('/', '-')
          const path = join(shots, `${name}-${size}-${colorScheme}.png`)
          const picture = await page.screenshot({ path, fullPage: true })
          expect(picture.length).toBeGreaterThan(10_000)
        }
      })
})
