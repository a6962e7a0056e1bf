/** Geometry of the burn-up: stacked areas of states over days, in a box without units. Pure. */
import { scaleLinear } from 'd3-scale'
import { area, stack } from 'd3-shape'
import type { ReadinessDay } from '../../releases/progress.ts'
import { readinessStates, totalOf } from '../../releases/readiness.ts'

export const CHART = { width: 640, height: 180 } as const

export interface Layer {
  state: (typeof readinessStates)[number]
  /** SVG path data. */
  d: string
}

/** Layers from the bottom up, best state first. @param days two at least, oldest first */
export function burnUpLayers(days: readonly ReadinessDay[]): Layer[] {
  const first = Date.parse(days[0]?.day ?? '')
  const last = Date.parse(days.at(-1)?.day ?? '')
  const most = Math.max(1, ...days.map(({ counts }) => totalOf(counts)))
  const x = scaleLinear([first, last], [0, CHART.width])
  const y = scaleLinear([0, most], [CHART.height, 0])
  const layers = stack<ReadinessDay, (typeof readinessStates)[number]>()
    .keys(readinessStates)
    .value(({ counts }, state) => counts[state])([...days])
  return layers.map((layer) => {
    const draw = area<(typeof layer)[number]>()
      .x((point) => x(Date.parse(point.data.day)))
      .y0(([low]) => y(low))
      .y1(([, high]) => y(high))
    return { state: layer.key, d: draw(layer) ?? '' }
  })
}
