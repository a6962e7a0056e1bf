/** Readiness over time: a row a day for the burn-up, and what changed within a week. */
import { sql } from 'drizzle-orm'
import { readiness_day } from '../../db/schema/releases.ts'
import { releaseTags } from '../builds/build.ts'
import { DAY_MS } from '../kernel/clock.ts'
import { type App, type Ctx, systemCtx } from '../kernel/context.ts'
import { type Event, eventsSince } from '../kernel/events.ts'
import { transaction } from '../kernel/transaction.ts'
import { dayOf } from './milestone.ts'
import { dayRows } from './queries.ts'
import { type Counts, readinessStates } from './readiness.ts'
import { readinessReport } from './reports.ts'

/** Writes today's numbers of every release that is not archived; the last of a day stay. */
export async function recordReadiness(app: App): Promise<void> {
  const ctx = systemCtx(app, 'readiness')
  const day = dayOf(app.clock.now())
  for (const { name: release } of app.distribution.releases) {
    const report = await readinessReport(ctx, release)
    await transaction(ctx, async (tx) => {
      for (const { repository, arch, counts } of report.counts)
        await tx
          .insert(readiness_day)
          .values({ release, day, repository, arch, ...counts })
          .onConflictDoUpdate({
            target: [
              readiness_day.release,
              readiness_day.day,
              readiness_day.repository,
              readiness_day.arch,
            ],
            set: Object.fromEntries(
              readinessStates.map((state) => [state, sql.raw(`excluded.${state}`)]),
            ),
          })
    })
  }
}

export interface ReadinessDay {
  day: string
  counts: Counts
}

/** Numbers of all repositories and arches by day, oldest first. */
export async function burnUp(ctx: Ctx, release: string, days = 365): Promise<ReadinessDay[]> {
  const since = dayOf(ctx.app.clock.now() - days * DAY_MS)
  const byDay = new Map<string, Counts>()
  for (const row of await dayRows(ctx.app.db, release, since)) {
    const sum = byDay.get(row.day) ?? { stable: 0, testing: 0, built: 0, missing: 0 }
    for (const state of readinessStates) sum[state] += row[state]
    byDay.set(row.day, sum)
  }
  return Array.from(byDay, ([day, counts]) => ({ day, counts }))
}

/** A thing that happened to a release's packages or plan. */
export interface Change {
  /** Number of the event. */
  id: number
  at: number
  /** Its sentence is `release.change.<kind>`. */
  kind: string
  params: Record<string, string | number>
  href: string | undefined
}

const WEEK_EVENTS = 1000
const TYPES = ['build.tagged', 'upstream.imported', 'release.', 'blocker.', 'package.claimed']

/** What changed within the last seven days, newest first. */
export async function changesOfWeek(ctx: Ctx, release: string): Promise<Change[]> {
  const since = ctx.app.clock.now() - 7 * DAY_MS
  const events = await eventsSince(ctx.app.db, since, { types: TYPES }, WEEK_EVENTS)
  return events.flatMap((event) => changeOf(event, release) ?? [])
}

function changeOf(event: Event, release: string): Change | undefined {
  const { id, type, subject, payload, at } = event
  const name = subject.slice(subject.indexOf(':') + 1)
  const text = (key: string) => String(payload[key] ?? '')
  if (type === 'build.tagged') {
    const tags = releaseTags(release)
    const kind = { [tags.stable]: 'stable', [tags.testing]: 'testing' }[text('tag')]
    const href = `/builds/${encodeURIComponent(name)}`
    return kind === undefined ? undefined : { id, at, kind, params: { nvr: name }, href }
  }
  if (type.startsWith('blocker.') && text('release') === release) {
    const href = `/releases/${release}/blockers/${name}`
    return { id, at, kind: type.replace('.', '-'), params: { title: text('title') }, href }
  }
  if (type === 'package.claimed' && text('release') === release)
    return {
      at,
      ...{ id, kind: 'claimed' },
      params: { name, username: text('by') },
      href: `/packages/${name}`,
    }
  if (name !== release) return undefined
  const params = Object.fromEntries(
    Object.entries(payload).map(([key, value]) => [
      key,
      typeof value === 'number' ? value : String(value),
    ]),
  )
  return { id, at, kind: type.replace('.', '-'), params, href: undefined }
}
