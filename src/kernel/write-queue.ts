/**
 * Group commit for a connection that can hold one transaction at a time: whoever waits while one
 * transaction is being made durable shares the next one, each behind its own savepoint. A caller's
 * promise resolves only after the commit that holds its work.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'

interface Job<Tx> {
  work: (tx: Tx) => Promise<unknown>
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
}

type Outcome = { ok: true; value: unknown } | { ok: false; error: unknown }

/** More in one transaction would hold the write lock from other processes for too long. */
const GROUP_SIZE = 64

export class WriteQueue<Tx> {
  private readonly waiting: Job<Tx>[] = []
  private running: Promise<void> | undefined
  private readonly tx: Tx
  private readonly exec: (statement: string) => void

  /** @param exec runs one statement on the connection behind `tx` */
  constructor(tx: Tx, exec: (statement: string) => void) {
    this.tx = tx
    this.exec = exec
  }

  run<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.waiting.push({ work, resolve: resolve as (value: unknown) => void, reject })
    this.running ??= this.loop()
    return promise
  }

  /** Resolves when nothing is waiting or running. */
  async drain(): Promise<void> {
    await this.running
  }

  private async loop(): Promise<void> {
    do {
      // A commit blocks the event loop: whoever came meanwhile is heard first, and shares the next one.
      await nextTurn()
      await this.group(this.waiting.splice(0, GROUP_SIZE))
    } while (this.waiting.length > 0)
    this.running = undefined
  }

  private async group(jobs: Job<Tx>[]): Promise<void> {
    const outcomes: Outcome[] = []
    try {
      this.exec('BEGIN IMMEDIATE')
      for (const job of jobs) outcomes.push(await this.attempt(job))
      this.exec('COMMIT')
    } catch (error) {
      this.rollBack()
      for (const job of jobs) job.reject(error)
      return
    }
    for (const [position, outcome] of outcomes.entries()) {
      if (outcome.ok) jobs[position]?.resolve(outcome.value)
      else jobs[position]?.reject(outcome.error)
    }
  }

  /** One job behind its savepoint: its failure undoes its own writes only. */
  private async attempt(job: Job<Tx>): Promise<Outcome> {
    this.exec('SAVEPOINT job')
    try {
      const value = await job.work(this.tx)
      this.exec('RELEASE job')
      return { ok: true, value }
    } catch (error) {
      this.exec('ROLLBACK TO job')
      this.exec('RELEASE job')
      return { ok: false, error }
    }
  }

  private rollBack(): void {
    try {
      this.exec('ROLLBACK')
    } catch {
      // BEGIN itself failed, or SQLite has rolled back already: there is nothing to undo.
    }
  }
}
