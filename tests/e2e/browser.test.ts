/** A tester in a real browser: sign-up, mailed link, log-in, vote, log-out; with scripts and without. */
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { specOf } from '../builder/program.ts'
import type { Update } from '../support/api.ts'
import { built, makeSrpm, reaches, submitSrpm } from '../support/packages.ts'
import { becomeAdmin, mailedLink, password } from '../support/people.ts'
import { type Portal, startPortal } from '../support/portal.ts'

let portal: Portal
let browser: Browser
let alias: string

beforeAll(async () => {
  portal = await startPortal({ distribution: [['stable_karma: 2', 'stable_karma: 9']] })
  const admin = await becomeAdmin(portal)
  const { nvr } = await built(admin, await submitSrpm(admin, makeSrpm(specOf('lantern', ':'))))
  const update = { builds: [nvr], type: 'newpackage', title: 'A lantern', notes: 'It is **lit**.' }
  alias = (await admin.post<Update>('/api/updates', update)).alias
  await reaches(admin, alias, 'testing')
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
})
afterAll(async () => {
  await browser?.close()
  await portal?.stop()
})

const submit = (page: Page) => page.click('main form button.main')

async function signUp(page: Page, username: string): Promise<void> {
  const email = `${username}@example.org`
  await page.goto(`${portal.url}/account/sign-up`)
  await page.fill('#username', username)
  await page.fill('#email', email)
  // Too short a password comes back to the form with its sentence and what was typed.
  await page.fill('#password', 'short')
  await submit(page)
  expect(await page.textContent('#password-error')).toBe('A password has at least 10 characters.')
  expect(await page.inputValue('#username')).toBe(username)
  await page.fill('#password', password)
  await submit(page)
  expect(await page.textContent('body')).toContain(`A letter is on its way to ${email}.`)
  await page.goto(await mailedLink(portal, email))
  await page.fill('#password', password)
  await submit(page)
  expect(await page.textContent('body')).toContain('Your address is proved. Welcome.')
}

async function logOut(page: Page): Promise<void> {
  await page.click('form[action="/account/log-out"] button')
  expect(await page.textContent('body')).toContain('You are logged out.')
  await page.goto(`${portal.url}/account`)
  expect(new URL(page.url()).pathname).toBe('/account/log-in')
}

test.each([
  ['with scripts', true, 'first-mate'],
  ['without scripts', false, 'second-mate'],
])('a tester signs up, votes and logs out, %s', async (_, javaScriptEnabled, username) => {
  const context = await browser.newContext({ javaScriptEnabled })
  const page = await context.newPage()
  const troubles: string[] = []
  page.on('pageerror', (error) => troubles.push(String(error)))
  page.on('console', (line) => line.type() === 'error' && troubles.push(line.text()))
  page.on('request', (request) => {
    if (!request.url().startsWith(portal.url)) troubles.push(`asked for ${request.url()}`)
  })
  await signUp(page, username)
  await logOut(page)

  await page.goto(`${portal.url}/updates`)
  await page.click(`a[href="/updates/${alias}"]`)
  await page.click('main a[href^="/account/log-in?next="]')
  await page.fill('#login', username)
  await page.fill('#password', password)
  await submit(page)
  expect(new URL(page.url()).pathname).toBe(`/updates/${alias}`)

  await page.check('#karma-1')
  await page.fill('#text', `${username} lit it. <script>document.title = 'harm'</script>`)
  await submit(page)
  expect(await page.textContent('body')).toContain('Your vote counts.')
  const remarks = (await page.textContent('[data-part=remarks]')) ?? ''
  expect(remarks).toContain(`${username} lit it.`)
  expect(await page.title()).not.toBe('harm')
  expect(await page.isChecked('#karma-1')).toBe(true)
  expect(await page.locator('[data-part=remarks] script').count()).toBe(0)
  await logOut(page)

  // Everyone sees it, who is not logged in as well.
  await page.goto(`${portal.url}/updates/${alias}`)
  expect(await page.textContent('[data-part=remarks]')).toContain(`${username} lit it.`)
  expect(await page.textContent('main')).toContain('It needs 9 karma')
  expect(troubles).toEqual([])
  await context.close()
})
