/** What axe finds on a page that is open: WCAG 2.2 AA and its best practice. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface AxeResult {
  violations: { id: string; help: string; nodes: { target: string[]; failureSummary: string }[] }[]
}

const standard = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** @param rules names of axe's rules, or of groups of them. @returns a line for each that is broken, and where */
export async function violationsOn(page: Page, rules: string[] = standard): Promise<string[]> {
  // By evaluation, since the page's own policy refuses foreign scripts.
  await page.evaluate(source)
  const { violations } = await page.evaluate<AxeResult>(
    `axe.run({ runOnly: ${JSON.stringify(rules)} })`,
  )
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((each) => each.target.join(' ')).join('; ')}`,
  )
}
