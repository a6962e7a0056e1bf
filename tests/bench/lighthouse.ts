/**
 * How fast pages are by Lighthouse's own measure: a phone on a slow network, simulated from what was loaded. The
 * middle of three looks, as its authors advise: one alone says as much of what else the machine does.
 */
import { measuredPages, quick, startLighthouse } from '../support/lighthouse.ts'
import { startPortal } from '../support/portal.ts'
import { seedSite } from '../support/site.ts'
import { type Figure, median } from './report.ts'

const LEAST = 98
const LOOKS = 3

export async function benchLighthouse(): Promise<Figure[]> {
  const portal = await startPortal()
  try {
    const site = await seedSite(portal)
    const lighthouse = await startLighthouse()
    try {
      const figures: Figure[] = []
      for (const path of measuredPages(site)) {
        const scores: number[] = []
        for (let n = 0; n < LOOKS; n++) {
          const found = await lighthouse.look(portal.url + path, ['performance'], quick)
          scores.push(found.get('performance')?.score ?? 0)
        }
        const score = median(scores)
        figures.push({
          name: `${path} (${scores.join(', ')})`,
          value: `${score} of 100`,
          limit: `≥ ${LEAST}`,
          holds: score >= LEAST,
        })
      }
      return figures
    } finally {
      await lighthouse.stop()
    }
  } finally {
    await portal.stop()
  }
}
