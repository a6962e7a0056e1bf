/** Looks over HTTP: repomd.xml of every repository, conditionally, then some packages by size. */
import { reason } from '../kernel/reason.ts'
import type { HostBudget } from './budget.ts'
import type { Look } from './crawl.ts'
import type { Crawler } from './crawler.ts'
import { type Answer, FetchFault, type FetchRequest, fetchBounded } from './fetcher.ts'
import {
  type Found,
  faultOfPackage,
  isRepomdOf,
  judgeFound,
  lookOfFault,
  repomdPath,
  type Series,
  type SeriesInput,
  type WantedRepository,
} from './looks.ts'

export const lookOverWeb: Series = (crawler, budget, input) =>
  new WebSeries(crawler, budget, input).run()

/** What a crawl may take is over. */
class OutOfTime extends Error {}

/** Faults of the host as a whole: asking for the next repository would only wait again. */
const HOST_FAULTS = ['no-address', 'private', 'refused', 'connect-timeout', 'tls']

class WebSeries {
  private readonly crawler: Crawler
  private readonly budget: HostBudget
  private readonly input: SeriesInput
  private readonly ends_at: number
  private hostFault: FetchFault | undefined
  /** It has kept us waiting: then what there was no time for is its own doing. */
  private isSlow = false

  constructor(crawler: Crawler, budget: HostBudget, input: SeriesInput) {
    this.crawler = crawler
    this.budget = budget
    this.input = input
    this.ends_at = performance.now() + crawler.host_ms
  }

  async run(): Promise<(Look | undefined)[]> {
    const [first, ...others] = this.input.repositories
    if (!first) return []
    // Alone, so that a dead host costs one wait and not one a repository.
    const look = await this.look(first)
    return [look, ...(await Promise.all(others.map((each) => this.look(each))))]
  }

  private async look(repository: WantedRepository): Promise<Look | undefined> {
    const started = performance.now()
    const found = await this.find(repository).catch((error: unknown) => this.meaning(error))
    const { family } = this.input
    return found && { family, took_ms: Math.round(performance.now() - started), ...found }
  }

  /** @returns undefined where only our own time was over: a mirror with many repositories may be far away */
  private meaning(error: unknown): Found | undefined {
    if (error instanceof OutOfTime)
      return this.isSlow ? lookOfFault(new FetchFault('budget')) : undefined
    if (!(error instanceof FetchFault)) throw error
    if (HOST_FAULTS.includes(error.fault)) this.hostFault ??= error
    if (error.fault === 'timeout') this.isSlow = true
    return lookOfFault(error)
  }

  private async find(repository: WantedRepository): Promise<Found> {
    const known = this.input.known.get(repository.id)
    const url = `${this.input.url}${repomdPath(repository)}`
    const etag = known && known.generation_id > 0 ? (known.etag ?? undefined) : undefined
    const answer = await this.ask({ method: 'GET', url, ...(etag !== undefined && { etag }) })
    const bad = faultOfStatus(answer, etag !== undefined)
    if (bad) return { ...bad, generation_id: 0 }
    const fits =
      answer.status === 304
        ? (each: { id: number }) => each.id === known?.generation_id
        : isRepomdOf(answer.body)
    const judged = await judgeFound(this.input, repository, fits)
    if (judged.outcome !== 'fresh') return judged
    const sampled = await this.sample(repository)
    const kept = answer.etag ?? (answer.status === 304 ? etag : undefined)
    return sampled ? { ...judged, ...sampled } : { ...judged, etag: kept }
  }

  /** @returns what is wrong with the packages behind the metadata, if anything is */
  private async sample(repository: WantedRepository) {
    for (const sample of repository.samples) {
      const href = sample.href.split('/').map(encodeURIComponent).join('/')
      const url = `${this.input.url}${repository.path}/${href}`
      const { status, length_bytes } = await this.ask({ method: 'HEAD', url })
      const gone = status === 404 || status === 410
      const size = gone ? 'missing' : status === 200 ? length_bytes : undefined
      const fault = faultOfPackage(sample, size)
      if (fault) return fault
    }
    return undefined
  }

  private ask(request: Omit<FetchRequest, 'family' | 'signal'>): Promise<Answer> {
    if (this.hostFault) throw this.hostFault
    if (performance.now() > this.ends_at) throw new OutOfTime()
    const { family, signal } = this.input
    return fetchBounded(this.crawler.fetch, this.budget, { ...request, family, signal })
  }
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
