/** A visitor at a page: who follows links, types and presses buttons, by pointer or by keyboard alone. */
import type { Page } from 'playwright-core'
import { until } from './until.ts'

export interface Walker {
  page: Page
  /** Follows a link or presses a button, and waits for the page that it leads to. */
  follow(selector: string): Promise<void>
  /** Opens or closes what opens, presses what stays on the page, checks a box. */
  press(selector: string): Promise<void>
  type(selector: string, text: string): Promise<void>
}

/** No page of ours has more stops than this. */
const TABS = 200

/** As long as a page may take to scroll to what has the focus. */
const SCROLL_MS = 3000

/** Runs in the page. @returns why its focus can't be seen, or nothing */
function whyUnseen(): string {
  const element = document.activeElement
  if (!element) return 'nothing has the focus'
  const { outlineStyle, boxShadow } = getComputedStyle(element)
  if (outlineStyle === 'none' && boxShadow === 'none') return 'no outline around the focus'
  const { top, bottom, left, right } = element.getBoundingClientRect()
  const inside = bottom > 0 && right > 0 && top < innerHeight && left < innerWidth
  return inside ? '' : 'the focus is outside of the window'
}

/** With the pointer: a click or a tap. */
export function byPointer(page: Page): Walker {
  /** What folded parts of a page hold can't be pointed at. */
  const visible = (selector: string) => page.locator(selector).filter({ visible: true }).first()
  return {
    page,
    async follow(selector) {
      await Promise.all([page.waitForEvent('framenavigated'), visible(selector).click()])
      await page.waitForLoadState()
    },
    press: (selector) => visible(selector).click(),
    type: (selector, text) => visible(selector).fill(text),
  }
}

/**
 * With the Tab key until the thing has the focus, which must be to be seen: within the window, with an outline
 * around it.
 */
export function byKeyboard(page: Page): Walker {
  const matches = (selector: string) =>
    page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)

  async function reach(selector: string): Promise<void> {
    for (let tabs = 0; !(await matches(selector)); tabs++) {
      if (tabs > TABS) throw new Error(`no way to ${selector} by the Tab key on ${page.url()}`)
      await page.keyboard.press('Tab')
    }
    // A page may scroll there smoothly.
    let unseen = ''
    await until(
      `the focus on ${selector} is seen`,
      async () => {
        unseen = await page.evaluate(whyUnseen)
        return unseen === ''
      },
      SCROLL_MS,
    ).catch(() => {
      throw new Error(`${unseen}: ${selector} on ${page.url()}`)
    })
  }

  return {
    page,
    async follow(selector) {
      await reach(selector)
      await Promise.all([page.waitForEvent('framenavigated'), page.keyboard.press('Enter')])
      await page.waitForLoadState()
    },
    async press(selector) {
      await reach(selector)
      await page.keyboard.press('Space')
    },
    async type(selector, text) {
      await reach(selector)
      await page.keyboard.press('ControlOrMeta+A')
      await page.keyboard.type(text)
    },
  }
}
