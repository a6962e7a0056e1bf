/** How well colours of a palette can be told apart: WCAG 2.2, 1.4.3 and 1.4.11. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../src/kernel/paths.ts'

export type Palette = Record<string, string>

/** The colours of src/site/style/tokens.css by scheme. */
export function ownPalettes(): { light: Palette; dark: Palette } {
  const css = readFileSync(join(root, 'src/site/style/tokens.css'), 'utf8')
  const [light = '', dark = ''] = css.split('@media (prefers-color-scheme: dark)')
  return { light: coloursOf(light), dark: coloursOf(dark) }
}

function coloursOf(part: string): Palette {
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

/** What stands on what, and the least contrast: 4.5:1 for text, 3:1 for the edges of controls and the focus. */
export const pairs: readonly (readonly [ink: string, ground: string, least: number])[] = [
  ...grounds.flatMap((ground) => inks.map((ink) => [ink, ground, 4.5] as const)),
  ...tones.flatMap((tone) =>
    [tone, 'ink', 'link'].map((ink) => [ink, `${tone}-tint`, 4.5] as const),
  ),
  ...['paper', 'surface'].flatMap((ground) =>
    ['line-strong', 'focus'].map((edge) => [edge, ground, 3] as const),
  ),
]

/** @throws Error when the palette lacks one of both */
export function contrastIn(palette: Palette, ink: string, ground: string): number {
  const [a, b] = [palette[ink], palette[ground]]
  if (!a || !b) throw new Error(`the palette lacks --${ink} or --${ground}`)
  return contrast(a, b)
}
