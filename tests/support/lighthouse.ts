/** Lighthouse over the pages that most people come to, in a Chromium of its own. */
import lighthouse, { type Flags } from 'lighthouse'
import { freePort } from './portal.ts'
import { launchBrowser, type SeededSite } from './site.ts'

export type Category = 'performance' | 'accessibility' | 'best-practices' | 'seo'

/**
 * Without a picture of the whole page, which no score needs. The throttling stays simulated: with any other,
 * Lighthouse waits for ten seconds of silence.
 */
export const quick: Flags = { disableFullPageScreenshot: true }

export interface Verdict {
  /** 0 to 100. */
  score: number
  /** Audits that lower the score, each with what Lighthouse says of it. */
  faults: string[]
}

export interface Lighthouse {
  /** @param flags what differs from Lighthouse's defaults: a phone on a slow network, simulated */
  look(url: string, categories: Category[], flags?: Flags): Promise<Map<Category, Verdict>>
  stop(): Promise<void>
}

/** The pages that are measured: where people arrive, and one of each kind that they read next. */
export function measuredPages({ routes }: SeededSite): string[] {
  const one = (kind: RegExp) => routes.find((route) => kind.test(route)) ?? `no ${kind}`
  return [
    ...['/', '/download', '/updates', one(/^\/updates\/[^/]+$/), '/mirrors', '/docs/install'],
    one(/^\/releases\/[^/]+$/),
  ]
}

export async function startLighthouse(): Promise<Lighthouse> {
  const port = await freePort()
  const browser = await launchBrowser([`--remote-debugging-port=${port}`])
  return {
    async look(url, categories, flags = {}) {
      const run = await lighthouse(url, {
        port,
        logLevel: 'error',
        onlyCategories: categories,
        ...flags,
      })
      if (!run) throw new Error(`Lighthouse said nothing of ${url}`)
      const { lhr } = run
      if (lhr.runtimeError) throw new Error(`${url}: ${lhr.runtimeError.message}`)
      return new Map(
        categories.map((name) => {
          const category = lhr.categories[name]
          if (category?.score == null) throw new Error(`${url}: no score for ${name}`)
          const faults = category.auditRefs.flatMap(({ id, weight }) => {
            const audit = lhr.audits[id]
            if (!audit || weight === 0 || audit.score === null || audit.score === 1) return []
            return [`${id}: ${audit.displayValue ?? audit.explanation ?? audit.title}`]
          })
          return [name, { score: Math.round(category.score * 100), faults }]
        }),
      )
    },
    stop: () => browser.close(),
  }
}
