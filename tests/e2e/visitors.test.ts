/**
 * The ways of the three visitors, from the front page to what each came for: someone who wants an image, a tester,
 * a volunteer. On a phone and on a desk, with scripts and without, by pointer and by keyboard alone.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { specOf } from '../builder/program.ts'
import { createRepository, makeSrpm } from '../support/packages.ts'
import { password, signUp } from '../support/people.ts'
import { type Portal, startPortal } from '../support/portal.ts'
import { launchBrowser, RELEASE, type SeededSite, seedSite } from '../support/site.ts'
import { slipway } from '../support/slipway.ts'
import { byKeyboard, byPointer, type Walker } from '../support/walker.ts'

let portal: Portal
let browser: Browser
let site: SeededSite
let upstream: string

beforeAll(async () => {
  portal = await startPortal({ distribution: [['stable_karma: 2', 'stable_karma: 9']] })
  site = await seedSite(portal)
  upstream = mkdtempSync(join(tmpdir(), 'slipway-upstream-'))
  await shipUpstream(['anchor', 'bollard'])
  // Two, since one account may log in ten times in ten minutes.
  await signUp(portal, 'deckhand')
  await signUp(portal, 'boatswain')
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser?.close()
  await portal?.stop()
  rmSync(upstream, { recursive: true, force: true })
})

/** What the release must reach beside its own packages, and nobody has built. */
async function shipUpstream(names: string[]): Promise<void> {
  for (const name of names) {
    const srpm = await makeSrpm(specOf(name, ':'))
    await copyFile(srpm, join(upstream, basename(srpm)))
  }
  await createRepository(upstream)
  await slipway(portal, ['upstream', 'import', upstream, '--repository', 'appstream'])
}

const sizes = {
  'on a desk': { viewport: { width: 1280, height: 900 } },
  'on a phone': { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
}
const ways = Object.entries(sizes).flatMap(([size, options]) =>
  [true, false].flatMap((javaScriptEnabled) =>
    Object.entries({ pointer: byPointer, keyboard: byKeyboard }).map(([how, walker]) => ({
      name: `${size}, ${javaScriptEnabled ? 'with' : 'without'} scripts, by ${how}`,
      options: { ...options, javaScriptEnabled },
      walker,
    })),
  ),
)

/** Walks, and fails on any error that the page met meanwhile. */
async function walk(
  { options, walker }: (typeof ways)[number],
  way: (visitor: Walker) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options)
  const troubles: string[] = []
  try {
    const page = await context.newPage()
    page.on('pageerror', (error) => troubles.push(String(error)))
    page.on('console', (line) => line.type() === 'error' && troubles.push(line.text()))
    await page.goto(portal.url)
    await way(walker(page))
    expect(troubles).toEqual([])
  } finally {
    await context.close()
  }
}

async function logIn({ page, follow, type }: Walker, username: string): Promise<void> {
  await type('#login', username)
  await type('#password', password)
  await follow('main form button.main')
  expect(await page.textContent('header')).toContain(username)
}

describe.each(ways)('$name', (how) => {
  test('someone who wants an image has it and the commands that verify it, in three steps', () =>
    walk(how, async ({ page, follow }) => {
      await follow('main a[href="/download"]')
      const image = page.locator('main a[href$=".iso"]').first()
      const href = (await image.getAttribute('href')) ?? ''
      const first = await fetch(new URL(href, portal.url), { headers: { Range: 'bytes=0-99' } })
      expect((await first.arrayBuffer()).byteLength).toBe(100)
      await follow('main a[href^="/download/verify"]')
      const commands = await page.textContent('main')
      for (const each of [basename(href), 'sha256sum', 'gpg', 'sq '])
        expect(commands).toContain(each)
    }))

  test('a tester finds an update, reads what it waits for and votes', () =>
    walk(how, async (visitor) => {
      const { page, follow, press, type } = visitor
      await follow('main a[href="/updates?status=testing"]')
      await follow('main tbody a[href^="/updates/"]')
      expect(await page.textContent('main')).toContain('It needs 9 karma')
      await follow('main a[href^="/account/log-in?next="]')
      await logIn(visitor, 'deckhand')
      expect(page.url()).toContain('/updates/')
      await press('input[name="karma"]')
      await type('#text', `Lit ${how.name}.`)
      await follow('form:has(#text) button.main')
      const main = await page.textContent('main')
      expect(main).toContain('Your vote counts.')
      expect(main).toContain(`Lit ${how.name}.`)
    }))

  test('a volunteer reads how to package, sees what the release waits for, and takes something on', () =>
    walk(how, async (visitor) => {
      const { page, follow, press } = visitor
      await follow('a[href="/docs"]')
      await follow('a[href="/docs/packaging"], a[href="/docs/packaging/"]')
      expect(await page.textContent('h1')).toContain('ackag')
      await follow('a[href="/releases"]')
      await follow(`main a[href="/releases/${RELEASE}"]`)
      await follow(`a[href="/releases/${RELEASE}/readiness"]`)
      await press('#anchor summary')
      await page.waitForSelector('#anchor details[open]')
      expect(await page.textContent('#anchor details')).toContain('It was never built.')
      await follow('#anchor a[href^="/account/log-in"]')
      await logIn(visitor, 'boatswain')
      await follow('#anchor form[action$="/claim"] button')
      expect(await page.textContent('#anchor')).toContain('boatswain')
      await follow('#anchor form[action$="/let-go"] button')
      expect(await page.textContent('#anchor')).not.toContain('boatswain')
    }))
})

test('what a walk counts on is there: two packages that nobody has built', async () => {
  const { items } = await site.admin.get<{ items: { name: string }[] }>(
    `/api/releases/${RELEASE}/readiness?state=missing`,
  )
  expect(items.map(({ name }) => name)).toEqual(['anchor', 'bollard'])
})
