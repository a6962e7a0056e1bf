/** The palette keeps WCAG 2.2 AA: 4.5:1 for text (1.4.3), 3:1 for the edges of controls (1.4.11). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../../src/kernel/paths.ts'

const css = readFileSync(join(root, 'src/site/style/tokens.css'), 'utf8')
const [light = '', dark = ''] = css.split('@media (prefers-color-scheme: dark)')

function palette(part: string): Record<string, string> {
  const found = part.split('@media')[0]?.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g) ?? []
  return Object.fromEntries([...found].map(([, name, value]) => [name, value]))
}

/** Relative luminance as WCAG defines it. */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (high + 0.05) / (low + 0.05)
}

const grounds = ['paper', 'surface', 'sunk']
const inks = ['ink', 'ink-soft', 'lead', 'link', 'ok', 'run', 'wait', 'fail', 'off']
const tones = ['ok', 'run', 'wait', 'fail', 'off']
const pairs = [
  ...grounds.flatMap((ground) => inks.map((ink) => [ink, ground, 4.5] as const)),
  ...tones.flatMap((tone) =>
    [tone, 'ink', 'link'].map((ink) => [ink, `${tone}-tint`, 4.5] as const),
  ),
  ...['paper', 'surface'].map((ground) => ['line-strong', ground, 3] as const),
]

describe.each([
  ['light', palette(light)],
  ['dark', palette(dark)],
])('%s palette', (_, colours) => {
  it.each(pairs)('%s on %s', (ink, ground, least) => {
    const [a, b] = [colours[ink], colours[ground]]
    if (!a || !b) throw new Error(`tokens.css lacks --${ink} or --${ground}`)
    expect(contrast(a, b)).toBeGreaterThanOrEqual(least)
  })
})
