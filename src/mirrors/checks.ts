/**
 * Looks at one mirror: repomd.xml of every repository over each family, then some packages by size, then
 * its other addresses. Network only; nothing is written here.
 */
import { createHash } from 'node:crypto'
import { type Reason, reason } from '../kernel/reason.ts'
import type { PackageSample } from '../repos/generations.ts'
import { HostBudget } from './budget.ts'
import {
  type CrawlOutcome,
  type Family,
  judgeGeneration,
  type Look,
  type Published,
} from './crawl.ts'
import type { Crawler } from './crawler.ts'
import { type Answer, FetchFault, type FetchRequest, fetchBounded } from './fetcher.ts'

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

export interface LookInput {
  /** The address that clients get first. */
  url: string
  families: Family[]
  repositories: WantedRepository[]
  known: ReadonlyMap<number, Known>
  signal?: AbortSignal | undefined
  now(): number
  /** Published generations as they are by now: a mirror may be quicker than this crawl's knowledge. */
  refresh(repository_id: number): Promise<Published[]>
}

/** @returns looks by repository */
export async function lookAtMirror(
  crawler: Crawler,
  input: LookInput,
): Promise<Map<number, Look[]>> {
  const budget = new HostBudget(crawler.gate, { ca: crawler.ca })
  try {
    const series = input.families.map((family) => new Series(crawler, budget, input, family))
    const results = await Promise.all(series.map((each) => each.run()))
    return new Map(
      input.repositories.map(({ id }, at) => [id, results.flatMap((looks) => looks[at] ?? [])]),
    )
  } finally {
    budget.close()
  }
}

/** Faults of the host as a whole: asking for the next repository would only wait again. */
const HOST_FAULTS = ['no-address', 'private', 'refused', 'connect-timeout', 'tls']

const outcomeOfFault: Partial<Record<FetchFault['fault'], CrawlOutcome>> = {
  timeout: 'slow',
  budget: 'slow',
  'too-large': 'corrupt',
}

function lookOfFault(error: FetchFault): { outcome: CrawlOutcome; reason: Reason } {
  const outcome = outcomeOfFault[error.fault] ?? 'down'
  return { outcome, reason: reason(`mirror.fault.${error.fault}`, { detail: error.detail }) }
}

/** All repositories over one family. */
class Series {
  private readonly crawler: Crawler
  private readonly budget: HostBudget
  private readonly input: LookInput
  private readonly family: Family
  private readonly ends_at: number
  private hostFault: FetchFault | undefined

  constructor(crawler: Crawler, budget: HostBudget, input: LookInput, family: Family) {
    this.crawler = crawler
    this.budget = budget
    this.input = input
    this.family = family
    this.ends_at = performance.now() + crawler.host_ms
  }

  async run(): Promise<Look[]> {
    const [first, ...others] = this.input.repositories
    if (!first) return []
    // Alone, so that a dead host costs one wait and not one a repository.
    const look = await this.look(first)
    return [look, ...(await Promise.all(others.map((each) => this.look(each))))]
  }

  private async look(repository: WantedRepository): Promise<Look> {
    const started = performance.now()
    const found = await this.find(repository).catch((error: unknown) => {
      if (!(error instanceof FetchFault)) throw error
      if (HOST_FAULTS.includes(error.fault)) this.hostFault ??= error
      return { ...lookOfFault(error), generation_id: 0 }
    })
    return { family: this.family, took_ms: Math.round(performance.now() - started), ...found }
  }

  private async find(repository: WantedRepository) {
    const known = this.input.known.get(repository.id)
    const url = `${this.input.url}${repository.path}/repodata/repomd.xml`
    const etag = known && known.generation_id > 0 ? (known.etag ?? undefined) : undefined
    const answer = await this.ask({ method: 'GET', url, ...(etag !== undefined && { etag }) })
    const bad = faultOfStatus(answer, etag !== undefined)
    if (bad) return { ...bad, generation_id: 0 }
    const judged =
      answer.status === 304
        ? await this.judge(repository, (each) => each.id === known?.generation_id)
        : await this.judge(repository, matches(answer.body))
    if (judged.outcome !== 'fresh') return judged
    const sampled = await this.sample(repository)
    const kept = answer.etag ?? (answer.status === 304 ? etag : undefined)
    return sampled ? { ...judged, ...sampled } : { ...judged, etag: kept }
  }

  private async judge(repository: WantedRepository, fits: (each: Published) => boolean) {
    const now = this.input.now()
    const found = repository.generations.find(fits)
    if (found) return judgeGeneration(repository.generations, found, now)
    const latest = await this.input.refresh(repository.id)
    return judgeGeneration(latest, latest.find(fits), now)
  }

  /** @returns what is wrong with the packages behind the metadata, if anything is */
  private async sample(repository: WantedRepository) {
    for (const { href, size_bytes } of repository.samples) {
      const url = `${this.input.url}${repository.path}/${href.split('/').map(encodeURIComponent).join('/')}`
      const { status, length_bytes } = await this.ask({ method: 'HEAD', url })
      const params = { file: href }
      if (status === 404 || status === 410)
        return { outcome: 'missing' as const, reason: reason('mirror.package-missing', params) }
      if (status === 200 && length_bytes !== undefined && length_bytes !== size_bytes)
        return { outcome: 'corrupt' as const, reason: reason('mirror.package-size', params) }
    }
    return undefined
  }

  private ask(request: Omit<FetchRequest, 'family' | 'signal'>): Promise<Answer> {
    if (this.hostFault) throw this.hostFault
    if (performance.now() > this.ends_at) throw new FetchFault('budget')
    const { family } = this
    const { signal } = this.input
    return fetchBounded(this.crawler.fetch, this.budget, { ...request, family, signal })
  }
}

const matches = (body: Buffer) => {
  const sha256 = createHash('sha256').update(body).digest('hex')
  return (each: Published) => each.sha256 === sha256
}

function faultOfStatus(answer: Answer, conditional: boolean) {
  const { status, encoding } = answer
  const params = { status }
  if (status === 404 || status === 410 || status === 403)
    return { outcome: 'missing' as const, reason: reason('mirror.status', params) }
  if (status !== 200 && !(status === 304 && conditional))
    return { outcome: 'down' as const, reason: reason('mirror.status', params) }
  if (encoding !== undefined && encoding !== 'identity')
    return {
      outcome: 'corrupt' as const,
      reason: reason('mirror.encoded', { encoding: encoding.slice(0, 30) }),
    }
  return undefined
}
