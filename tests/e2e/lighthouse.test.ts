/** Lighthouse finds nothing to mend in what people come to first: accessibility, best practices, search engines. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Lighthouse, measuredPages, quick, startLighthouse } from '../support/lighthouse.ts'
import { type Portal, startPortal } from '../support/portal.ts'
import { type SeededSite, seedSite } from '../support/site.ts'

let portal: Portal
let site: SeededSite
let lighthouse: Lighthouse

beforeAll(async () => {
  portal = await startPortal()
  site = await seedSite(portal)
  lighthouse = await startLighthouse()
})
afterAll(async () => {
  await lighthouse?.stop()
  await portal?.stop()
})

test('each main page has full marks but for speed, which `npm run bench lighthouse` measures', async () => {
  const pages = measuredPages(site)
  const marks: Record<string, unknown> = {}
  const full = { score: 100, faults: [] }
  for (const path of pages) {
    const found = await lighthouse.look(
      portal.url + path,
      ['accessibility', 'best-practices', 'seo'],
      quick,
    )
    marks[path] = Object.fromEntries(found)
  }
  const wanted = { accessibility: full, 'best-practices': full, seo: full }
  expect(marks).toEqual(Object.fromEntries(pages.map((path) => [path, wanted])))
})
