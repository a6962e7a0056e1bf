/** How a moment and a span are written; pure, so that server and tests agree. */
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../kernel/clock.ts'

const YEAR_MS = 365.25 * DAY_MS
const MONTH_MS = YEAR_MS / 12

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', YEAR_MS],
  ['month', MONTH_MS],
  ['day', DAY_MS],
  ['hour', HOUR_MS],
  ['minute', MINUTE_MS],
  ['second', SECOND_MS],
]

/** "3 hours ago", "tomorrow"; within five seconds "now". Whole units, rounded towards now. */
export function relative(at_ms: number, now_ms: number, language: string): string {
  const distance_ms = at_ms - now_ms
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' })
  if (Math.abs(distance_ms) < 5 * SECOND_MS) return format.format(0, 'second')
  const [unit, size_ms] = steps.find(([, size]) => Math.abs(distance_ms) >= size) ?? [
    'second',
    1000,
  ]
  return format.format(Math.trunc(distance_ms / size_ms), unit)
}

/** "2026-11-22 14:03 UTC": sorts, and means the same everywhere. */
export function exact(at_ms: number): string {
  return `${new Date(at_ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** "4 min, 12 sec", the two largest units; under a second "0 sec". */
export function span(length_ms: number, language: string): string {
  const units = steps.slice(2) as ['day' | 'hour' | 'minute' | 'second', number][]
  const first = units.findIndex(([, size]) => length_ms >= size)
  const shown = first === -1 ? units.slice(-1) : units.slice(first, first + 2)
  let rest_ms = length_ms
  return shown
    .map(([unit, size_ms]) => {
      const count = Math.floor(rest_ms / size_ms)
      rest_ms -= count * size_ms
      return { unit, count }
    })
    .filter(({ count }, i) => i === 0 || count > 0)
    .map(({ unit, count }) =>
      new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'short' }).format(count),
    )
    .join(', ')
}
