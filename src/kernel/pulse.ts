/**
 * Wakes those who wait for news when something was committed, by this process or another one. One cheap look for
 * all of a process, in place of a query of each.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from './context.ts'
import type { Database } from './db.ts'

/** What news wait for at most. */
const TICK_MS = 50
/** Looking goes on for so long after the last one who waited: they come back. */
const LINGER_MS = 30_000

export class Pulse {
  private readonly waiting = new Set<() => void>()
  /** How often something was committed, as far as one has looked. */
  private beats = 0
  /** The database's word at the last look. */
  private before = ''

  /** What to hand to `wait`; ask for it before looking for work, so that no news falls between. */
  get seen(): number {
    return this.beats
  }

  /** Looks until the signal. */
  async run(database: Pick<Database, 'pulse'>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // While the database is away there is no news; those who wait come by themselves after a while.
      const now = await database.pulse().catch(() => this.before)
      if (now !== this.before) this.beat()
      this.before = now
      await sleep(TICK_MS, undefined, { signal, ref: false }).catch(() => {})
    }
    this.beat()
  }

  /** Looks while somebody waits, and a while longer. What was committed in between is news at the next look. */
  async runWhileWaitedFor(database: Pick<Database, 'pulse'>): Promise<void> {
    const end = new AbortController()
    let wanted_at = performance.now()
    const watch = setInterval(() => {
      if (this.waiting.size > 0) wanted_at = performance.now()
      else if (performance.now() - wanted_at > LINGER_MS) end.abort()
    }, 1000)
    watch.unref()
    await this.run(database, end.signal)
    clearInterval(watch)
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

const pulses = new WeakMap<App['database'], { pulse: Pulse; running: boolean }>()

/** The one pulse of a program that waits now and then, such as the web; it looks while somebody waits. */
export function pulseOf({ database }: Pick<App, 'database'>): Pulse {
  const own = pulses.get(database) ?? { pulse: new Pulse(), running: false }
  pulses.set(database, own)
  if (!own.running) {
    own.running = true
    void own.pulse.runWhileWaitedFor(database).finally(() => {
      own.running = false
    })
  }
  return own.pulse
}
