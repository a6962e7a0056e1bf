/** The body plan of a hull, as a shipwright's lines drawing shows it: half-sections, pure geometry. */

export interface Section {
  /** SVG path data in a box of 200 by 100, keel at (100, 96). */
  d: string
  /** Drawn stronger: the widest section. */
  midship: boolean
}

const STEPS = 24
const STATIONS = 6

/** Half-breadth (0..1) at a height (0..1) of a station (0 the end, 1 midships). */
function halfBreadth(height: number, station: number, flare: number): number {
  const fullness = 0.18 + (1 - station) ** 1.4 * (0.75 + flare)
  const beam = 1 - (1 - station) ** 2.2 * 0.72
  return beam * height ** fullness
}

function section(station: number, side: -1 | 1): string {
  const sheer = 12 + station * 6
  const points = Array.from({ length: STEPS + 1 }, (_, i) => {
    // Close together near the keel, where a section turns.
    const height = (i / STEPS) ** 3
    const x = 100 + side * 88 * halfBreadth(height, station, side > 0 ? 0.55 : 0)
    return `${x.toFixed(1)} ${(96 - height * (96 - sheer)).toFixed(1)}`
  })
  return `M${points.join('L')}`
}

/** Sections of the after body (left) and the fore body (right). */
export function bodyPlan(): Section[] {
  return ([-1, 1] as const).flatMap((side) =>
    Array.from({ length: STATIONS }, (_, i) => {
      const station = (i + 1) / STATIONS
      return { d: section(station, side), midship: station === 1 }
    }),
  )
}
