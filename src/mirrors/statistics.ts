/** What was counted: machines by week, architecture and age, and lists answered by country. No addresses. */
import { desc, gte, sum } from 'drizzle-orm'
import { countme, mirror_answer } from '../../db/schema/mirrors.ts'
import { DAY_MS } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import { weekOf } from './edge/counter.ts'

/** Weeks and days that are shown. */
const WEEKS = 26
const DAYS = 30
const COUNTRIES_MAX = 250

/** Ages by countme's buckets: installed for less than 2, 5, 25 weeks, or longer. */
export type Ages = [number, number, number, number]

export interface Week {
  /** Its Monday, YYYY-MM-DD. */
  week: string
  /** Machines: those of the repository that most of them asked for, architecture by architecture. */
  machines: number
  ages: Ages
  arches: Record<string, number>
}

export interface Statistics {
  /** Newest first; the current one is not over. */
  weeks: Week[]
  /** Lists answered in the last days, by country, most first; '' where nobody knew it. */
  countries: { country: string; count: number }[]
  days: number
}

interface CountRow {
  repository: string
  arch: string
  bucket: number
  count: number
}

const total = (rows: readonly { count: number }[]) => rows.reduce((all, row) => all + row.count, 0)

/** A machine counts in each repository that it has enabled, so the largest is nearest to the truth. */
function largestByArch(rows: readonly CountRow[]): CountRow[] {
  return [...Map.groupBy(rows, (row) => row.arch).values()].flatMap((own) => {
    const repositories = [...Map.groupBy(own, (row) => row.repository).values()]
    return repositories.sort((a, b) => total(b) - total(a))[0] ?? []
  })
}

function weekFrom(week: string, all: readonly CountRow[]): Week {
  const rows = largestByArch(all)
  const ages = [1, 2, 3, 4].map((bucket) => total(rows.filter((row) => row.bucket === bucket)))
  const byArch = Map.groupBy(rows, (row) => row.arch)
  const arches = Object.fromEntries(Array.from(byArch, ([arch, own]) => [arch, total(own)]))
  return { week, machines: total(rows), ages: ages as Ages, arches }
}

/** Everyone may know: nothing in it is about anyone. */
export async function statistics(ctx: Ctx): Promise<Statistics> {
  const { db, clock } = ctx.app
  const since = weekOf(clock.now() - WEEKS * 7 * DAY_MS)
  const rows = await db.select().from(countme).where(gte(countme.week, since))
  const weeks = [...Map.groupBy(rows, (row) => row.week)]
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .map(([week, own]) => weekFrom(week, own))
  const day = new Date(clock.now() - DAYS * DAY_MS).toISOString().slice(0, 10)
  const count = sum(mirror_answer.count)
  const countries = await db
    .select({ country: mirror_answer.country, count })
    .from(mirror_answer)
    .where(gte(mirror_answer.day, day))
    .groupBy(mirror_answer.country)
    .orderBy(desc(count))
    .limit(COUNTRIES_MAX)
  return {
    weeks,
    countries: countries.map((row) => ({ country: row.country, count: Number(row.count) })),
    days: DAYS,
  }
}
