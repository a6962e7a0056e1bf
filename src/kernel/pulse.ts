/**
 * Wakes those who wait for news when something was committed, by this process or another one. One cheap look for
 * all of a process, in place of a query of each.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from './db.ts'

/** What news wait for at most. */
const TICK_MS = 50

export class Pulse {
  private readonly waiting = new Set<() => void>()
  /** How often something was committed, as far as one has looked. */
  private beats = 0

  /** What to hand to `wait`; ask for it before looking for work, so that no news falls between. */
  get seen(): number {
    return this.beats
  }

  /** Looks until the signal. */
  async run(database: Pick<Database, 'pulse'>, signal: AbortSignal): Promise<void> {
    let before = ''
    while (!signal.aborted) {
      // While the database is away there is no news; those who wait come by themselves after a while.
      const now = await database.pulse().catch(() => before)
      if (now !== before) this.beat()
      before = now
      await sleep(TICK_MS, undefined, { signal }).catch(() => {})
    }
    this.beat()
  }

  private beat(): void {
    this.beats++
    for (const wake of this.waiting) wake()
  }

  /** Resolves at the next news after `seen`, or when the time is over. */
  wait(seen: number, longest_ms: number): Promise<void> {
    if (this.beats !== seen) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = () => {
      clearTimeout(timer)
      this.waiting.delete(wake)
      resolve()
    }
    const timer = setTimeout(wake, longest_ms)
    this.waiting.add(wake)
    return promise
  }
}
