/** Lines of the charts about mirrors, as SVG paths. Pure. */
import { scaleLinear } from 'd3-scale'
import { curveStepAfter, line } from 'd3-shape'
import type { Spread } from '../../mirrors/arrival.ts'

/** One step upward for each mirror that had the push, over the minutes. The origin is at the top left. */
export function stepsOf(
  { mirrors, minutes }: Spread,
  last_minute: number,
  width: number,
  height: number,
): string {
  const x = scaleLinear([0, Math.max(1, last_minute)], [0, width])
  const y = scaleLinear([0, Math.max(1, mirrors)], [height, 0])
  const points = [0, ...minutes, last_minute].map((minute, at): [number, number] => [
    x(minute),
    y(Math.min(at, minutes.length)),
  ])
  return line().curve(curveStepAfter).digits(1)(points) ?? ''
}

/** Some round numbers from 0 to the last. */
export const ticksOf = (last: number) => scaleLinear([0, last], [0, 1]).ticks(5)

/** A line through values, oldest first, scaled to the largest. */
export function lineOf(values: readonly number[], width: number, height: number): string {
  const x = scaleLinear([0, Math.max(1, values.length - 1)], [0, width])
  const y = scaleLinear([0, Math.max(1, ...values)], [height, 0])
  return line().digits(1)(values.map((value, at): [number, number] => [x(at), y(value)])) ?? ''
}
