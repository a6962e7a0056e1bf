/** A small SVG with a label and a value, for READMEs elsewhere. Text is escaped; widths are by characters. */

export type BadgeTone = 'ok' | 'run' | 'wait' | 'fail' | 'off'

const colours: Record<BadgeTone, string> = {
  ok: '#1a6b47',
  run: '#1f5fa8',
  wait: '#8a5a00',
  fail: '#a8261c',
  off: '#5b6472',
}

const CHAR_PX = 6.6
const PADDING_PX = 8

const escapeXml = (text: string) =>
  text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`).replace(/[^\P{C}]/gu, '')

export function renderBadge(label: string, value: string, tone: BadgeTone): string {
  const width = (text: string) => Math.round([...text].length * CHAR_PX + 2 * PADDING_PX)
  const left = width(label)
  const right = width(value)
  const text = (x: number, words: string) =>
    `<text x="${x}" y="14" text-anchor="middle">${escapeXml(words)}</text>`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${left + right}" height="20" role="img" aria-label="${escapeXml(`${label}: ${value}`)}">`,
    `<rect width="${left}" height="20" fill="#2b3440"/>`,
    `<rect x="${left}" width="${right}" height="20" fill="${colours[tone]}"/>`,
    '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">',
    text(left / 2, label) + text(left + right / 2, value),
    '</g></svg>\n',
  ].join('')
}
