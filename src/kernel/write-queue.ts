/**
 * Group commit for a connection that can hold one transaction at a time: whoever waits while one
 * transaction is being made durable shares the next one, each behind its own savepoint. A caller's
 * promise resolves only after the commit that holds its work.
 *
 * The connection has no time-out of its own, which would keep the event loop waiting: while another process
 * writes, this one sleeps for milliseconds and asks again.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

interface Job<Tx> {
  work: (tx: Tx) => Promise<unknown>
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
}

type Outcome = { ok: true; value: unknown } | { ok: false; error: unknown }

/** More in one transaction would hold the write lock from other processes for too long. */
const GROUP_SIZE = 64

/** Pauses between two tries to begin or commit: short at first, since most transactions are. */
const FIRST_PAUSE_MS = 1
const LONGEST_PAUSE_MS = 20

export interface QueueConnection<Tx> {
  /** What the work writes with. */
  tx: Tx
  /** Runs one statement on the connection behind `tx`. */
  exec(statement: string): void
  /** Whether an error means that another process is writing. */
  isBusy(error: unknown): boolean
  /** What callers get when it went on for `patience_ms`. */
  gaveUp(): Error
  patience_ms: number
}

export class WriteQueue<Tx> {
  private readonly waiting: Job<Tx>[] = []
  private running: Promise<void> | undefined
  private readonly connection: QueueConnection<Tx>

  constructor(connection: QueueConnection<Tx>) {
    this.connection = connection
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
      await this.group()
    } while (this.waiting.length > 0)
    this.running = undefined
  }

  private async group(): Promise<void> {
    const outcomes: Outcome[] = []
    let jobs: Job<Tx>[] = []
    try {
      await this.insist('BEGIN IMMEDIATE')
      // Taken only now: who came while another process was writing shares this one too.
      jobs = this.waiting.splice(0, GROUP_SIZE)
      for (const job of jobs) outcomes.push(await this.attempt(job))
      await this.insist('COMMIT')
    } catch (error) {
      this.rollBack()
      if (jobs.length === 0) jobs = this.waiting.splice(0)
      for (const job of jobs) job.reject(error)
      return
    }
    for (const [position, outcome] of outcomes.entries()) {
      if (outcome.ok) jobs[position]?.resolve(outcome.value)
      else jobs[position]?.reject(outcome.error)
    }
  }

  /** Runs a statement as soon as no other process stands in its way. */
  private async insist(statement: string): Promise<void> {
    const { exec, isBusy, gaveUp, patience_ms } = this.connection
    const end = performance.now() + patience_ms
    for (let pause_ms = FIRST_PAUSE_MS; ; pause_ms = Math.min(pause_ms * 2, LONGEST_PAUSE_MS)) {
      try {
        exec(statement)
        return
      } catch (error) {
        if (!isBusy(error)) throw error
        if (performance.now() > end) throw gaveUp()
      }
      // Not all at the same moment: the pauses of several processes differ.
      await sleep(Math.ceil(pause_ms * (0.5 + Math.random())))
    }
  }

  /** One job behind its savepoint: its failure undoes its own writes only. */
  private async attempt(job: Job<Tx>): Promise<Outcome> {
    const { exec, tx } = this.connection
    exec('SAVEPOINT job')
    try {
      const value = await job.work(tx)
      exec('RELEASE job')
      return { ok: true, value }
    } catch (error) {
      exec('ROLLBACK TO job')
      exec('RELEASE job')
      return { ok: false, error }
    }
  }

  private rollBack(): void {
    try {
      this.connection.exec('ROLLBACK')
    } catch {
      // BEGIN itself failed, or SQLite has rolled back already: there is nothing to undo.
    }
  }
}
