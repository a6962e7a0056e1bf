/** A builder: what the portal grants it, what it can do, and why it does nothing. Pure. */
import { MINUTE_MS } from '../kernel/clock.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { ALIVE_MS, isWorkerChannel } from './task.ts'

/** What the portal lets a builder do. */
export interface Grant {
  arches: string[]
  channels: string[]
  drivers: string[]
  /** Tasks at once. */
  capacity: number
}

/** Ways to build; a builder has those for which it has the tools. */
export const DRIVERS = ['host', 'mock']
export const MAX_CAPACITY = 256

export interface BuilderFacts {
  name: string
  enabled: boolean
  granted_arches: string[]
  granted_channels: string[]
  granted_drivers: string[]
  granted_capacity: number
  arches: string[]
  channels: string[]
  drivers: string[]
  missing: string[]
  capacity: number
  fault: Reason | null
  rests_until: number | null
  last_seen_at: number | null
}

const both = (granted: readonly string[], reported: readonly string[]) =>
  granted.filter((each) => reported.includes(each))

/** What a builder does: what is granted and can be done. Workers' channels are for no builder. */
export function effectiveGrant(row: BuilderFacts): Grant {
  return {
    arches: both(row.granted_arches, row.arches),
    channels: both(row.granted_channels, row.channels).filter((each) => !isWorkerChannel(each)),
    drivers: both(row.granted_drivers, row.drivers),
    capacity: Math.min(row.granted_capacity, row.capacity),
  }
}

export type BuilderState = 'online' | 'silent' | 'disabled'

/** As `state.builder.<state>` names it. */
export function builderState(
  row: Pick<BuilderFacts, 'enabled' | 'last_seen_at'>,
  now: number,
): BuilderState {
  if (!row.enabled) return 'disabled'
  return row.last_seen_at !== null && now - row.last_seen_at <= ALIVE_MS ? 'online' : 'silent'
}

export const isResting = (row: Pick<BuilderFacts, 'rests_until'>, now: number): boolean =>
  (row.rests_until ?? 0) > now

/** How long a builder gets no task after so many faults of its own, one after another. */
export function restMs(faults: number): number {
  return Math.min(MINUTE_MS * 2 ** Math.max(0, faults - 1), 30 * MINUTE_MS)
}

function notGranted(row: BuilderFacts): Reason[] {
  const { arches, channels, drivers, capacity } = effectiveGrant(row)
  const parts: [string, string[], string[], string[]][] = [
    ['arches', arches, row.granted_arches, row.arches],
    ['channels', channels, row.granted_channels, row.channels],
    ['drivers', drivers, row.granted_drivers, row.drivers],
  ]
  const empty = parts
    .filter(([, common]) => common.length === 0)
    .map(([what, , granted, reported]) =>
      reason(`builder.no-${what}`, {
        granted: granted.join(', ') || '-',
        reported: reported.join(', ') || '-',
      }),
    )
  return capacity > 0 ? empty : [...empty, reason('builder.no-capacity')]
}

/** Why a builder takes no task now; empty while it would take one that fits. */
export function whyIdle(row: BuilderFacts, running: number, now: number): Reason[] {
  if (!row.enabled) return [reason('builder.disabled')]
  if (row.last_seen_at === null) return [reason('builder.never-seen')]
  if (builderState(row, now) === 'silent') return [reason('builder.silent')]
  if (row.drivers.length === 0)
    return [reason('builder.lacks', { name: row.name, missing: row.missing.join(', ') })]
  const refused = notGranted(row)
  if (refused.length > 0) return refused
  if (isResting(row, now)) {
    const wait_s = Math.ceil(((row.rests_until ?? now) - now) / 1000)
    return [reason('builder.rests', { wait_s }), ...(row.fault ? [row.fault] : [])]
  }
  const { capacity } = effectiveGrant(row)
  return running >= capacity ? [reason('builder.full', { running, capacity })] : []
}
