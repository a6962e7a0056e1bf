/**
 * Looks over rsync, by the system's program: one run brings repomd.xml of every repository, one more lists
 * some packages of the fresh ones with their sizes. The program is given the checked address in place of
 * the name, arguments as a list, names in a file, limits for time, memory and file size.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HostBudget } from './budget.ts'
import type { Look } from './crawl.ts'
import type { Crawler } from './crawler.ts'
import { checkedAddress, FetchFault } from './fetcher.ts'
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
import { readListing, runRsync, ToolMissing } from './rsync.ts'
import { fromModule } from './rsync-names.ts'

export const lookOverRsync: Series = async (crawler, budget, input) => {
  const started = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'slipway-crawl-'))
  try {
    const found = await new RsyncSeries(crawler, budget, input, folder).run()
    const took_ms = Math.round(performance.now() - started)
    return found.map((each): Look => ({ family: input.family, took_ms, ...each }))
  } catch (error) {
    // Without the program nothing is known of the address, and what was known stays.
    if (error instanceof ToolMissing) return []
    if (!(error instanceof FetchFault)) throw error
    const took_ms = Math.round(performance.now() - started)
    const each = { family: input.family, took_ms, ...lookOfFault(error) }
    return input.repositories.map(() => each)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

class RsyncSeries {
  private readonly crawler: Crawler
  private readonly budget: HostBudget
  private readonly input: SeriesInput
  private readonly folder: string
  /** Where files come to. */
  private readonly target: string
  private readonly ends_at: number

  constructor(crawler: Crawler, budget: HostBudget, input: SeriesInput, folder: string) {
    this.crawler = crawler
    this.budget = budget
    this.input = input
    this.folder = folder
    this.target = join(folder, 'tree')
    this.ends_at = performance.now() + crawler.host_ms
  }

  async run(): Promise<Found[]> {
    const { repositories } = this.input
    const source = await this.source()
    const size = `--max-size=${this.crawler.fetch.limits.body_bytes}`
    await this.rsync(repositories.map(repomdPath), source, [size])
    const judged = await Promise.all(repositories.map((each) => this.judge(each)))
    const fresh = repositories.filter((_, at) => judged[at]?.outcome === 'fresh')
    const sizes = await this.sizes(fresh, source)
    return judged.map((found, at) => {
      const repository = repositories[at]
      if (found.outcome !== 'fresh' || !repository) return found
      const fault = repository.samples
        .map((sample) => {
          const size = sizes.get(`${repository.path}/${sample.href}`)
          return faultOfPackage(sample, size ?? 'missing')
        })
        .find((each) => each !== undefined)
      return { ...found, ...fault }
    })
  }

  /** The address with the checked number in place of the name: rsync resolves nothing. */
  private async source(): Promise<string> {
    const { limits, private_mirrors } = this.crawler.fetch
    const url = new URL(this.input.url)
    const { family } = this.input
    const address = await checkedAddress(url, family, private_mirrors, limits.connect_ms)
    const host = isIPv6(address) ? `[${address}]` : address
    return `rsync://${host}:${url.port || 873}${plainPath(url)}`
  }

  private async judge(repository: WantedRepository): Promise<Found> {
    const file = repomdPath(repository)
    const body = await readFile(join(this.target, file)).catch(() => undefined)
    if (!body) return absent(file)
    if (!this.budget.spend(body.length)) return lookOfFault(new FetchFault('budget'))
    return judgeFound(this.input, repository, isRepomdOf(body))
  }

  private async sizes(repositories: WantedRepository[], source: string) {
    const paths = repositories.flatMap(({ path, samples }) =>
      samples.map(({ href }) => `${path}/${href}`),
    )
    if (paths.length === 0) return new Map<string, number>()
    return readListing(await this.rsync(paths, source, ['--list-only']))
  }

  /** One run over these paths under the source. @param options beside those of every run */
  private async rsync(paths: string[], source: string, options: string[]): Promise<string> {
    const names = join(this.folder, 'names')
    const from = fromModule(source, paths)
    await writeFile(names, from.names.map((name) => `${name}\n`).join(''))
    const { limits } = this.crawler.fetch
    const own = ['--copy-links', '--no-implied-dirs', `--files-from=${names}`]
    return this.budget.use(() =>
      runRsync([...own, ...options, '--', from.source, `${this.target}/`], {
        connect_ms: limits.connect_ms,
        idle_ms: limits.request_ms,
        whole_ms: Math.min(this.ends_at - performance.now(), 3 * limits.request_ms),
        file_bytes: limits.body_bytes,
        signal: this.input.signal,
      }),
    )
  }
}
