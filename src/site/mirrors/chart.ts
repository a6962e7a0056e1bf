/** Lines of the charts about mirrors, as SVG paths. Pure. */
import type { Spread } from '../../mirrors/arrival.ts'

const round = (number: number) => Math.round(number * 10) / 10

/** Steps upward: one for each mirror that had the push, over the minutes. The origin is at the top left. */
export function stepsOf(
  { mirrors, minutes }: Spread,
  last_minute: number,
  width: number,
  height: number,
): string {
  const x = (minute: number) => round((minute / Math.max(1, last_minute)) * width)
  const y = (count: number) => round(height - (count / Math.max(1, mirrors)) * height)
  const steps = minutes.map((minute, at) => `H${x(minute)}V${y(at + 1)}`)
  return `M0 ${height}${steps.join('')}H${width}`
}

/** Some round numbers from 0 to the last. */
export function ticksOf(last: number, count = 5): number[] {
  const rough = last / count
  const scale = 10 ** Math.floor(Math.log10(Math.max(1, rough)))
  const step = [1, 2, 5, 10].map((each) => each * scale).find((each) => each >= rough) ?? 1
  return Array.from({ length: Math.floor(last / step) + 1 }, (_, at) => at * step)
}

/** A line through values, oldest first, scaled to the largest. */
export function lineOf(values: readonly number[], width: number, height: number): string {
  const most = Math.max(1, ...values)
  const step = width / Math.max(1, values.length - 1)
  return values
    .map(
      (value, at) =>
        `${at === 0 ? 'M' : 'L'}${round(at * step)} ${round(height - (value / most) * height)}`,
    )
    .join('')
}
