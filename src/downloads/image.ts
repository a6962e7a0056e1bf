/** Images: names, places under /pub, and when a compose is due, with the reasons when it is not. Pure. */
import { HOUR_MS } from '../kernel/clock.ts'
import { type Reason, reason } from '../kernel/reason.ts'

/** Steps of a compose in their order; `step` of its row names the one that comes next. */
export const composeSteps = [
  'pick',
  'trees',
  'images',
  'describe',
  'check',
  'publish',
  'settle',
] as const
export type ComposeStep = (typeof composeSteps)[number]

/** Why a compose was begun. */
export type ComposeWhy = 'first' | 'changed' | 'asked'

/**
 * Day of the newest metadata and the next free number of that day: 20261124.0.
 * @param taken labels of the same release
 */
export function composeLabel(source_date_s: number, taken: (string | null)[]): string {
  const day = new Date(source_date_s * 1000).toISOString().slice(0, 10).replaceAll('-', '')
  let number = 0
  while (taken.includes(`${day}.${number}`)) number++
  return `${day}.${number}`
}

export interface ImageNames {
  filename: string
  /** Of the ISO; the same for every compose, so that a boot loader's configuration can name it. */
  volume_id: string
  /** Folder under /pub of the image and what belongs to it. */
  path: string
  /** Folder under /pub of the installable tree. */
  tree_path: string
}

export function imageNames(
  distribution: string,
  version: string,
  arch: string,
  label: string,
): ImageNames {
  const base = `${distribution}/${version}`
  return {
    filename: `${distribution}-${version}-${label}-${arch}-dvd.iso`,
    // ECMA-119 allows 32 characters: capitals, digits and the underscore.
    volume_id: `${distribution}_${version}_${arch}_dvd`
      .toUpperCase()
      .replaceAll(/[^A-Z0-9]/g, '_')
      .slice(0, 32),
    path: `${base}/isos/${arch}/${label}`,
    tree_path: `${base}/install/${arch}/${label}`,
  }
}

export interface ComposeFacts {
  now: number
  /** Whether the release is over: nobody needs new images of it. */
  archived: boolean
  /** Packages in the stable repositories of the release's arches, as clients see them. */
  packages: number
  /** First packages of a pending release that are not in stable yet and may still come. */
  seeds_open: number
  /** Whether a push of the release is running. */
  pushing: boolean
  /** Number of the compose that is running. */
  running: number | undefined
  /** Of the stable repositories as they are now. */
  generation_ids: number[]
  last: { created_at: number; generation_ids: number[] } | undefined
  every_hours: number
}

const same = (a: number[], b: number[]) =>
  a.length === b.length && a.every((each) => b.includes(each))

/** Why no compose begins by itself now; empty when one is due. */
export function composeWaits(facts: ComposeFacts): Reason[] {
  const { now, last, every_hours } = facts
  const reasons: Reason[] = []
  if (facts.running !== undefined) reasons.push(reason('compose.running', { id: facts.running }))
  if (facts.archived) reasons.push(reason('compose.archived'))
  if (facts.packages === 0) reasons.push(reason('compose.nothing-stable'))
  if (facts.seeds_open > 0) reasons.push(reason('compose.seeds', { count: facts.seeds_open }))
  if (facts.pushing) reasons.push(reason('compose.pushing'))
  if (last && same(last.generation_ids, facts.generation_ids))
    reasons.push(reason('compose.unchanged'))
  else if (last) {
    const wait_ms = last.created_at + every_hours * HOUR_MS - now
    if (wait_ms > 0)
      reasons.push(reason('compose.interval', { hours: Math.ceil(wait_ms / HOUR_MS) }))
  }
  return reasons
}

/** Why a compose can't be begun even when someone asks for it. */
export function mayCompose(facts: Pick<ComposeFacts, 'packages'>): Reason[] {
  return facts.packages === 0 ? [reason('compose.nothing-stable')] : []
}
