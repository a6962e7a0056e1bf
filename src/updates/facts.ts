/** Gathers, from the database, what the rules of update.ts want to know: of many updates in as many queries as of one. */
import { buildState, releaseTags } from '../builds/build.ts'
import type { BuildRow } from '../builds/builds.ts'
import { taggedBuilds } from '../builds/tags.ts'
import { describeRelease, getRelease } from '../distribution/releases.ts'
import type { App } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import { must } from '../kernel/must.ts'
import {
  bugsOfUpdates,
  buildsOfUpdates,
  type GateRow,
  gatesOfUpdates,
  karmaOfUpdates,
  testcasesOfUpdates,
  type UpdateRow,
} from './queries.ts'
import { karmaFloor, type UpdateFacts } from './update.ts'

/** @param db the transaction, where the answer decides a write in it */
export async function factsOf(app: App, db: Reader, row: UpdateRow): Promise<UpdateFacts> {
  const [facts] = await factsOfAll(app, db, [row])
  return must(facts)
}

/**
 * @param db the transaction, where the answers decide a write in it
 * @param rows at most some hundred
 * @returns the facts of each, in their order
 */
export async function factsOfAll(
  app: App,
  db: Reader,
  rows: readonly UpdateRow[],
): Promise<UpdateFacts[]> {
  if (rows.length === 0) return []
  const ids = rows.map(({ id }) => id)
  const byUpdate = <T extends { update_id: number }>(all: T[]) =>
    Map.groupBy(all, (each) => each.update_id)
  const parts: Parts = {
    karma: await karmaOfUpdates(db, ids),
    gates: byUpdate(await gatesOfUpdates(db, ids)),
    bugs: byUpdate(await bugsOfUpdates(db, ids)),
    testcases: byUpdate(await testcasesOfUpdates(db, ids)),
    builds: byUpdate(await buildsOfUpdates(db, ids)),
  }
  const facts = new Map<number, UpdateFacts>()
  for (const [release, its] of Map.groupBy(rows, (row) => row.release)) {
    const { state } = await getRelease(db, release)
    const stable = await stableOf(
      db,
      release,
      its.flatMap(({ id }) => parts.builds.get(id) ?? []),
    )
    for (const row of its) facts.set(row.id, factsFrom(app, row, parts, { state, stable }))
  }
  return ids.map((id) => must(facts.get(id)))
}

interface Parts {
  karma: Awaited<ReturnType<typeof karmaOfUpdates>>
  gates: Map<number, GateRow[]>
  bugs: Map<number, Awaited<ReturnType<typeof bugsOfUpdates>>>
  testcases: Map<number, Awaited<ReturnType<typeof testcasesOfUpdates>>>
  builds: Map<number, { build: BuildRow }[]>
}

interface Around {
  state: UpdateFacts['release_state']
  /** By package, the newest build in stable. */
  stable: Map<number, BuildRow>
}

function factsFrom(app: App, row: UpdateRow, parts: Parts, around: Around): UpdateFacts {
  const { policy } = describeRelease(app, row.release)
  const karma = parts.karma.get(row.id) ?? new Map<string, number>()
  return {
    now: app.clock.now(),
    status: row.status,
    testing_at: row.testing_at,
    karma: karma.get('update') ?? 0,
    // Older updates may have asked for less than policy allows now.
    stable_karma: Math.max(row.stable_karma, karmaFloor(policy, row.critical)),
    unstable_karma: row.unstable_karma,
    critical: row.critical,
    autokarma: row.autokarma,
    autotime: row.autotime,
    autopush_stopped: row.autopush_stopped_at !== null,
    policy,
    release_state: around.state,
    excepted: row.freeze_exception !== null,
    held: row.held_at !== null,
    gates: (parts.gates.get(row.id) ?? []).map((gate) => ({
      ...gate,
      waived: gate.waived_by !== null,
    })),
    bugs: (parts.bugs.get(row.id) ?? []).map((bug) => ({
      number: bug.number,
      required: bug.required || row.require_bugs,
      net: karma.get(`bug:${bug.id}`) ?? 0,
    })),
    testcases: (parts.testcases.get(row.id) ?? []).map((each) => ({
      name: each.name,
      required: each.required || row.require_testcases,
      net: karma.get(`testcase:${each.id}`) ?? 0,
    })),
    builds: (parts.builds.get(row.id) ?? []).map(({ build }) => buildFacts(build, around)),
  }
}

async function stableOf(db: Reader, release: string, builds: { build: BuildRow }[]) {
  const package_ids = [...new Set(builds.map(({ build }) => build.package_id))]
  const tag = releaseTags(release).stable
  const found = await taggedBuilds(db, tag, { latest: true, package_ids })
  return new Map(found.map((each) => [each.package_id, each]))
}

function buildFacts(build: BuildRow, { stable }: Around): UpdateFacts['builds'][number] {
  const newest = stable.get(build.package_id)
  return {
    nvr: build.nvr,
    evr: build,
    complete: build.state === buildState.COMPLETE,
    stable: newest && newest.id !== build.id ? { nvr: newest.nvr, evr: newest } : null,
  }
}
