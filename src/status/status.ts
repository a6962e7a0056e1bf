/** How the portal is doing, asked of every room; /status and /api/status show what comes of it. */
import { listReleases } from '../distribution/releases.ts'
import { type AsideRow, countAside, listAside } from '../kernel/aside.ts'
import { DAY_MS, MINUTE_MS } from '../kernel/clock.ts'
import type { Ctx } from '../kernel/context.ts'
import { mailHealth } from '../kernel/mail.ts'
import { furthestBehind } from '../kernel/subscribers.ts'
import { mirrorFleet } from '../mirrors/fleet.ts'
import { type BuilderRow, builderState, listBuilders } from '../tasks/builders.ts'
import { listPrograms } from '../tasks/programs.ts'
import { ALIVE_MS } from '../tasks/task.ts'
import { countQueue, oldestWaiting } from '../tasks/view.ts'
import { waitingForPush } from '../updates/lists.ts'
import { pushStanding } from '../updates/pushes.ts'
import {
  type HealthFacts,
  healthOf,
  type PartHealth,
  publicMailError,
  type Verdict,
  worst,
} from './health.ts'

/** Letters that were given up longer ago are history. */
const GIVEN_UP_MS = 7 * DAY_MS

const ASIDE_SHOWN = 50

export interface PortalStatus {
  verdict: Verdict
  health: PartHealth[]
  facts: HealthFacts
  builders: BuilderRow[]
  programs: Awaited<ReturnType<typeof listPrograms>>
  running: number
  /** Facts that could not be acted on, the oldest; what went wrong as everyone may read it. */
  aside: AsideRow[]
}

export async function portalStatus(ctx: Ctx): Promise<PortalStatus> {
  const { app } = ctx
  // Builders and workers note when they were seen by the clock that all hosts share.
  const now = await app.database.now(app.db)
  const builders = await listBuilders(ctx)
  const programs = (await listPrograms(app)).filter((each) => now - each.last_seen_at <= ALIVE_MS)
  const queue = await countQueue(ctx)
  const oldest = await oldestWaiting(ctx)
  const mail = await mailHealth(app.db, now - GIVEN_UP_MS)
  const facts: HealthFacts = {
    now,
    builders: builders.map((row) => ({ ...row, state: builderState(row, now) })),
    workers: programs.filter(({ kind }) => kind === 'worker').length,
    queue: {
      waiting: queue.waiting,
      oldest_at: oldest?.since ?? null,
      waits_for: oldest?.waits_for ?? [],
    },
    pushes: await pushFacts(ctx),
    push_every_ms: app.distribution.pushes.every_minutes * MINUTE_MS,
    mirrors: await mirrorFleet(ctx),
    events: { aside: await countAside(app.db), behind: await furthestBehind(app.db) },
    mail: { ...mail, error: mail.error === null ? null : publicMailError(mail.error) },
  }
  const health = healthOf(facts)
  const verdict = worst(health.map((each) => each.verdict))
  const aside = (await listAside(app.db, ASIDE_SHOWN)).map((row) => ({
    ...row,
    error: publicMailError(row.error),
  }))
  return { verdict, health, facts, builders, programs, running: queue.running, aside }
}

async function pushFacts(ctx: Ctx): Promise<HealthFacts['pushes']> {
  const found: HealthFacts['pushes'] = []
  for (const { name: release } of await listReleases(ctx)) {
    const { count: waiting, since: waiting_since } = await waitingForPush(ctx, release)
    found.push({ release, ...(await pushStanding(ctx.app.db, release)), waiting, waiting_since })
  }
  return found
}
