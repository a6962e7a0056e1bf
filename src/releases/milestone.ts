/** Milestones: dates as days, how far one slipped, and what the schedule says today. Pure. */
import { z } from 'zod'
import { DAY_MS } from '../kernel/clock.ts'

/** A day as YYYY-MM-DD. */
export const daySchema = z.iso.date('must be a date such as 2026-11-30')

export const dayOf = (at_ms: number) => new Date(at_ms).toISOString().slice(0, 10)

/** Days from one day to another; negative when it is earlier. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS)
}

export type MilestoneStanding = 'reached' | 'late' | 'next' | 'later'

/** How each milestone stands: one that was not reached by its day is late, the first open one is next. */
export function standings(
  milestones: readonly { date: string; reached_at: number | null }[],
  today: string,
): MilestoneStanding[] {
  const next = milestones.findIndex((each) => each.reached_at === null && each.date >= today)
  return milestones.map((each, at) => {
    if (each.reached_at !== null) return 'reached'
    if (each.date < today) return 'late'
    return at === next ? 'next' : 'later'
  })
}
