/**
 * What looks over every protocol share: what is wanted, what was known, and what faults and metadata mean.
 * Nothing is asked or written here.
 */
import { createHash } from 'node:crypto'
import { type Reason, reason } from '../kernel/reason.ts'
import type { PackageSample } from '../repos/generations.ts'
import type { HostBudget } from './budget.ts'
import {
  type CrawlOutcome,
  type Family,
  judgeGeneration,
  type Look,
  type Published,
} from './crawl.ts'
import type { Crawler } from './crawler.ts'
import type { FetchFault } from './fetcher.ts'

export interface WantedRepository {
  id: number
  name: string
  arch: string
  release: string
  /** Under the tree's beginning. */
  path: string
  /** Published ones, newest first, at least one. */
  generations: Published[]
  samples: PackageSample[]
}

/** What was known of a repository before: for conditional requests. */
export interface Known {
  etag: string | null
  generation_id: number
}

/** All repositories at one address over one family. */
export interface SeriesInput {
  /** Beginning of the tree, with a slash at its end. */
  url: string
  family: Family
  repositories: WantedRepository[]
  known: ReadonlyMap<number, Known>
  signal?: AbortSignal | undefined
  now(): number
  /** Published generations as they are by now: a mirror may be quicker than this crawl's knowledge. */
  refresh(repository_id: number): Promise<Published[]>
}

/** @returns one look a repository, in their order; undefined for those that there was no time for */
export type Series = (
  crawler: Crawler,
  budget: HostBudget,
  input: SeriesInput,
) => Promise<(Look | undefined)[]>

/** What one look found, but for its family and time. */
export type Found = Omit<Look, 'family' | 'took_ms'>

const outcomeOfFault: Partial<Record<FetchFault['fault'], CrawlOutcome>> = {
  timeout: 'slow',
  budget: 'slow',
  'too-large': 'corrupt',
}

export function lookOfFault(error: FetchFault): Found {
  const outcome = outcomeOfFault[error.fault] ?? 'down'
  const why: Reason = reason(`mirror.fault.${error.fault}`, { detail: error.detail })
  return { outcome, reason: why, generation_id: 0 }
}

/** Judges what a mirror has by the generations that are known, then by those of this moment. */
export async function judgeFound(
  input: SeriesInput,
  repository: WantedRepository,
  fits: (each: Published) => boolean,
): Promise<Found> {
  const found = repository.generations.find(fits)
  if (found) return judgeGeneration(repository.generations, found, input.now())
  const latest = await input.refresh(repository.id)
  return judgeGeneration(latest, latest.find(fits), input.now())
}

/** Whether these bytes are a generation's repomd.xml. */
export function isRepomdOf(body: Buffer): (each: Published) => boolean {
  const sha256 = createHash('sha256').update(body).digest('hex')
  return (each) => each.sha256 === sha256
}

/** Where a repository's repomd.xml is, under the tree's beginning. */
export const repomdPath = (repository: WantedRepository) => `${repository.path}/repodata/repomd.xml`

/** The file is not there, over a protocol that has no status to tell. */
export const absent = (file: string): Found => ({
  outcome: 'missing',
  reason: reason('mirror.file-missing', { file }),
  generation_id: 0,
})

/** What a package's size on the mirror means; undefined when it is right or nobody knows it. */
export function faultOfPackage(
  sample: PackageSample,
  size_bytes: number | 'missing' | undefined,
): { outcome: CrawlOutcome; reason: Reason } | undefined {
  const params = { file: sample.href }
  if (size_bytes === 'missing')
    return { outcome: 'missing', reason: reason('mirror.package-missing', params) }
  if (size_bytes !== undefined && size_bytes !== sample.size_bytes)
    return { outcome: 'corrupt', reason: reason('mirror.package-size', params) }
  return undefined
}

/** A URL's path as a server's file system knows it; one that is no UTF-8 stays as it is. */
export function plainPath(url: URL): string {
  try {
    return decodeURIComponent(url.pathname)
  } catch {
    return url.pathname
  }
}
