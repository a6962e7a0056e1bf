/**
 * Looks over FTP, anonymously and passively. The control connection goes to a checked address, and so do
 * the data connections: what the server says about another host for them is not believed.
 */
import { Writable } from 'node:stream'
import { Client, FTPError } from 'basic-ftp'
import type { HostBudget } from './budget.ts'
import type { Look } from './crawl.ts'
import type { Crawler } from './crawler.ts'
import { checkedAddress, FetchFault, faultOf } from './fetcher.ts'
import {
  absent,
  type Found,
  faultOfPackage,
  isRepomdOf,
  judgeFound,
  lookOfFault,
  plainPath,
  repomdPath,
  type Series,
  type SeriesInput,
  type WantedRepository,
} from './looks.ts'

/** One connection, in one of the mirror's places, for all repositories. */
export const lookOverFtp: Series = (crawler, budget, input) =>
  budget.use(async () => {
    const session = new FtpSession(crawler, budget, input)
    try {
      return await session.run()
    } finally {
      session.close()
    }
  })

class FtpSession {
  private readonly crawler: Crawler
  private readonly budget: HostBudget
  private readonly input: SeriesInput
  private readonly client: Client
  private address = ''
  /** Under it all paths are; without a slash at its beginning, with one at its end. */
  private readonly base: string
  private fault: FetchFault | undefined
  private readonly timer: NodeJS.Timeout
  /** What a crawl may take is over, and the server has not kept us waiting itself. */
  private outOfTime = false
  private readonly stop = () => {
    this.outOfTime = this.fault === undefined
    this.end(new FetchFault('budget'))
  }

  constructor(crawler: Crawler, budget: HostBudget, input: SeriesInput) {
    const { limits } = crawler.fetch
    this.crawler = crawler
    this.budget = budget
    this.input = input
    this.base = plainPath(new URL(input.url)).slice(1)
    this.client = new Client(Math.min(limits.connect_ms, limits.request_ms), {
      allowSeparateTransferHost: false,
    })
    this.timer = setTimeout(this.stop, crawler.host_ms)
    input.signal?.addEventListener('abort', this.stop)
  }

  close(): void {
    clearTimeout(this.timer)
    this.input.signal?.removeEventListener('abort', this.stop)
    this.client.close()
  }

  /** The first fault stands for all that comes of it. */
  private end(fault: FetchFault): void {
    this.fault ??= fault
    this.client.close()
  }

  async run(): Promise<(Look | undefined)[]> {
    await this.open().catch((error: unknown) => this.end(this.faultOf(error)))
    const looks: (Look | undefined)[] = []
    for (const repository of this.input.repositories) looks.push(await this.look(repository))
    return looks
  }

  private faultOf(error: unknown): FetchFault {
    if (this.fault) return this.fault
    if (error instanceof FTPError) return new FetchFault('protocol', error.message)
    const late = error instanceof Error && /^Timeout/.test(error.message)
    return late ? new FetchFault('timeout', this.address) : faultOf(error, this.address)
  }

  /** One wait's limit for each of: the name, the connection, the log-in. */
  private async open(): Promise<void> {
    const { limits, private_mirrors } = this.crawler.fetch
    const url = new URL(this.input.url)
    const { family } = this.input
    this.address = await checkedAddress(url, family, private_mirrors, limits.connect_ms)
    const timer = setTimeout(() => this.end(new FetchFault('timeout')), limits.request_ms)
    try {
      await this.client.connect(this.address, Number(url.port || 21))
      await this.client.login('anonymous', 'crawler@')
      await this.client.send('TYPE I')
    } finally {
      clearTimeout(timer)
    }
  }

  private async look(repository: WantedRepository): Promise<Look | undefined> {
    const started = performance.now()
    const { family } = this.input
    const found = this.fault ? lookOfFault(this.fault) : await this.find(repository)
    if (this.outOfTime) return undefined
    return { family, took_ms: Math.round(performance.now() - started), ...found }
  }

  private async find(repository: WantedRepository): Promise<Found> {
    const { request_ms } = this.crawler.fetch.limits
    const timer = setTimeout(() => this.end(new FetchFault('timeout')), request_ms)
    try {
      const file = repomdPath(repository)
      const body = await this.fetch(file)
      if (body === 'missing') return absent(file)
      const judged = await judgeFound(this.input, repository, isRepomdOf(body))
      if (judged.outcome !== 'fresh') return judged
      return { ...judged, ...(await this.sample(repository)) }
    } catch (error) {
      const fault = this.faultOf(error)
      // After anything but a refusal the connection is not where both sides think it is.
      if (!(error instanceof FTPError)) this.end(fault)
      return lookOfFault(fault)
    } finally {
      clearTimeout(timer)
    }
  }

  private async sample(repository: WantedRepository) {
    for (const sample of repository.samples) {
      const path = `${this.base}${repository.path}/${sample.href}`
      const size = await this.client.size(path).catch(missingOr)
      const fault = faultOfPackage(sample, size)
      if (fault) return fault
    }
    return undefined
  }

  private async fetch(path: string): Promise<Buffer | 'missing'> {
    const parts: Buffer[] = []
    const { body_bytes } = this.crawler.fetch.limits
    let size = 0
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        size += chunk.length
        parts.push(chunk)
        if (size > body_bytes)
          this.end(new FetchFault('too-large', `${path} over ${body_bytes} bytes`))
        else if (!this.budget.spend(chunk.length)) this.end(new FetchFault('budget'))
        done(this.fault)
      },
    })
    const missing = await this.client
      .downloadTo(sink, `${this.base}${path}`)
      .then(() => undefined, missingOr)
    return missing ?? Buffer.concat(parts)
  }
}

/** 550: no such file, or none for us (RFC 959). */
function missingOr(error: unknown): 'missing' {
  if (error instanceof FTPError && error.code === 550) return 'missing'
  throw error
}
