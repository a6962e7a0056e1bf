/**
 * Counts answers and countme without keeping an address: a week's clients by repository, architecture and
 * age (the client sends countme=1..4 once a week), and a day's answers by repository and country.
 */
import type { Answer } from './answer.ts'
import { readQuery } from './http.ts'

export interface Counts {
  /** `week\trepository\tarch\tbucket` -> count. */
  countme: Record<string, number>
  /** `day\trepository\tcountry` -> count. */
  answers: Record<string, number>
}

/** The portal takes bodies of 1 MiB; a count with its key is at most some 200 bytes. */
export const COUNTS_AT_ONCE = 4000

const DAY_MS = 86_400_000

const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10)

/** Monday of the week, UTC: the week that clients count by. */
export function weekOf(at: number): string {
  const day = (new Date(at).getUTCDay() + 6) % 7
  return dayOf(at - day * DAY_MS)
}

const plus = (counts: Map<string, number>, key: string, more = 1) =>
  counts.set(key, (counts.get(key) ?? 0) + more)

export class Counter {
  private readonly countme = new Map<string, number>()
  private readonly answers = new Map<string, number>()
  private day = { number: Number.NaN, name: '' }

  /** The day's name, made once a day. */
  private today(now: number): string {
    const number = Math.floor(now / DAY_MS)
    if (number !== this.day.number) this.day = { number, name: dayOf(now) }
    return this.day.name
  }

  count(answer: Answer, search: string, now: number): void {
    if (answer.repository === undefined) return
    plus(this.answers, `${this.today(now)}\t${answer.repository}\t${answer.country ?? '--'}`)
    if (!search.includes('countme=')) return
    const { countme = '' } = readQuery(search) as { countme?: string }
    if (!/^[1-4]$/.test(countme)) return
    // The snapshot's word for the architecture: keys that clients could make up would never end.
    plus(this.countme, `${weekOf(now)}\t${answer.repository}\t${answer.arch}\t${countme}`)
  }

  isEmpty(): boolean {
    return this.answers.size === 0
  }

  /** What was counted since the last time, which then begins anew. */
  take(): Counts {
    const counts = {
      countme: Object.fromEntries(this.countme),
      answers: Object.fromEntries(this.answers),
    }
    this.countme.clear()
    this.answers.clear()
    return counts
  }

  /** For counts that could not be told. */
  putBack(counts: Counts): void {
    for (const [key, count] of Object.entries(counts.countme)) plus(this.countme, key, count)
    for (const [key, count] of Object.entries(counts.answers)) plus(this.answers, key, count)
  }
}

/** The same in parts that can be told one by one. */
export function partsOfCounts({ countme, answers }: Counts): Counts[] {
  const parts: Counts[] = []
  for (const [kind, counts] of Object.entries({ countme, answers })) {
    const entries = Object.entries(counts)
    for (let at = 0; at < entries.length; at += COUNTS_AT_ONCE) {
      const some = Object.fromEntries(entries.slice(at, at + COUNTS_AT_ONCE))
      parts.push({ countme: {}, answers: {}, [kind]: some })
    }
  }
  return parts
}
