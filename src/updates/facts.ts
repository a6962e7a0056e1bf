/** Gathers, from the database, what the rules of update.ts want to know. */
import { buildState, releaseTags } from '../builds/build.ts'
import { taggedBuilds } from '../builds/tags.ts'
import { describeRelease, getRelease } from '../distribution/releases.ts'
import type { App } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import {
  bugsOf,
  buildsOfUpdates,
  gatesOf,
  karmaBySubject,
  testcasesOf,
  type UpdateRow,
} from './queries.ts'
import { karmaFloor, type UpdateFacts } from './update.ts'

/** @param db the transaction, where the answer decides a write in it */
export async function factsOf(app: App, db: Reader, row: UpdateRow): Promise<UpdateFacts> {
  const release = await getRelease(db, row.release)
  const { policy } = describeRelease(app, row.release)
  const karma = await karmaBySubject(db, row)
  const gates = await gatesOf(db, row.id, row.revision)
  const bugs = await bugsOf(db, row.id)
  const testcases = await testcasesOf(db, row.id)
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
    release_state: release.state,
    excepted: row.freeze_exception !== null,
    gates: gates.map((gate) => ({ ...gate, waived: gate.waived_by !== null })),
    bugs: bugs.map((bug) => ({
      number: bug.number,
      required: bug.required || row.require_bugs,
      net: karma.get(`bug:${bug.id}`) ?? 0,
    })),
    testcases: testcases.map((each) => ({
      name: each.name,
      required: each.required || row.require_testcases,
      net: karma.get(`testcase:${each.id}`) ?? 0,
    })),
    builds: await buildFacts(db, row),
  }
}

async function buildFacts(db: Reader, row: UpdateRow): Promise<UpdateFacts['builds']> {
  const builds = (await buildsOfUpdates(db, [row.id])).map((each) => each.build)
  const package_ids = builds.map((build) => build.package_id)
  const stable = await taggedBuilds(db, releaseTags(row.release).stable, {
    latest: true,
    package_ids,
  })
  return builds.map((build) => {
    const newest = stable.find(
      (each) => each.package_id === build.package_id && each.id !== build.id,
    )
    return {
      nvr: build.nvr,
      evr: build,
      complete: build.state === buildState.COMPLETE,
      stable: newest ? { nvr: newest.nvr, evr: newest } : null,
    }
  })
}
