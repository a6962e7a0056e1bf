/** The palette keeps WCAG 2.2 AA: 4.5:1 for text (1.4.3), 3:1 for the edges of controls (1.4.11). */
import { describe, expect, it } from 'vitest'
import { contrastIn, ownPalettes, pairs } from '../support/contrast.ts'

describe.each(Object.entries(ownPalettes()))('%s palette', (_, colours) => {
  it.each(pairs)('%s on %s', (ink, ground, least) => {
    expect(contrastIn(colours, ink, ground)).toBeGreaterThanOrEqual(least)
  })
})
