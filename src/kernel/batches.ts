/**
 * One transaction for all who do the same to one row at the same moment. While it is under way, whoever comes waits
 * and shares the next: what a lock and a commit cost is paid once, and a row that everybody wants is not held more
 * often than needed. Pure but for what it is given.
 */
import { chunks } from './chunks.ts'
import { must } from './must.ts'

/** More would keep the first of them waiting. */
const LARGEST = 64

export interface Work<Item, Result> {
  /**
   * Does it for all of them at once.
   * @param key what they are done to
   * @returns what it came to for each, in their order
   * @throws what concerns all of them
   */
  all(key: string, items: Item[]): Promise<PromiseSettledResult<Result>[]>
  /** Two of one name are not done together: the later one waits for the earlier. */
  nameOf(item: Item): string
  /** Whether what `all` threw may be the fault of one of them; then each is tried alone. */
  mayBeOf(error: unknown): boolean
}

interface Job<Item, Result> {
  item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

export class Batches<Item, Result> {
  readonly #work: Work<Item, Result>
  readonly #waiting = new Map<string, Job<Item, Result>[]>()

  constructor(work: Work<Item, Result>) {
    this.#work = work
  }

  /** @returns what it came to, once that is durable @throws what was refused, or failed */
  run(key: string, item: Item): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    const job = { item, resolve, reject }
    const open = this.#waiting.get(key)
    if (open) open.push(job)
    else {
      this.#waiting.set(key, [job])
      void this.#serve(key)
    }
    return promise
  }

  async #serve(key: string): Promise<void> {
    for (;;) {
      const jobs = this.#next(key)
      if (jobs.length === 0) break
      await this.#do(key, jobs)
    }
    this.#waiting.delete(key)
  }

  /** Those who go together, in the order in which they came. */
  #next(key: string): Job<Item, Result>[] {
    const names = new Set<string>()
    const [jobs, later]: Job<Item, Result>[][] = [[], []]
    for (const job of must(this.#waiting.get(key))) {
      const name = this.#work.nameOf(job.item)
      const goes = !names.has(name) && must(jobs).length < LARGEST
      must(goes ? jobs : later).push(job)
      names.add(name)
    }
    this.#waiting.set(key, must(later))
    return must(jobs)
  }

  async #do(key: string, jobs: Job<Item, Result>[]): Promise<void> {
    try {
      const ends = await this.#work.all(
        key,
        jobs.map(({ item }) => item),
      )
      for (const [at, { resolve, reject }] of jobs.entries()) {
        const end = must(ends[at])
        if (end.status === 'fulfilled') resolve(end.value)
        else reject(end.reason)
      }
    } catch (error) {
      if (jobs.length > 1 && this.#work.mayBeOf(error))
        for (const one of chunks(jobs, 1)) await this.#do(key, one)
      else for (const { reject } of jobs) reject(error)
    }
  }
}
