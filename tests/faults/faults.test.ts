/**
 * Programs are killed at random moments of builds and pushes while people work on and clients read on.
 * Afterwards everything has finished by itself, nothing accepted is lost, and no client has ever seen
 * half of a repository. FAULT_SEED repeats a run's moments as far as the machine's own timing allows.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, type Build, type Task, type Update } from '../support/api.ts'
import { createMachine } from '../support/dnf.ts'
import { becomeAdmin, signUp, signUpPackager } from '../support/people.ts'
import { type Portal, startPortal } from '../support/portal.ts'
import { until } from '../support/until.ts'
import { type Kill, killAtWork, killWeb, seeded } from './killer.ts'
import { Reader, type Reading } from './reader.ts'
import { carry, type Done, keepVoting, load, patiently } from './work.ts'

const seed = Number(process.env.FAULT_SEED ?? 20260105)
/** `npm run soak` kills twice as often. */
const KILLS = process.env.SLIPWAY_SOAK
  ? { worker: 18, builder: 18, web: 6 }
  : { worker: 9, builder: 9, web: 3 }
/** Packages that go the whole way again and again, and ones that are only built. */
const LANES = { whole: 4, build: 2 }
const DEADLINE_MS = 240_000
const arch = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim()

/** What the story leaves behind, for the tests that judge it. */
interface Aftermath {
  kills: Kill[]
  done: Done[]
  /** Builds that were only built. */
  nvrs: string[]
  lastVotes: Map<string, number>
  readings: Reading[]
  dnfRuns: number
  dnfFaults: string[]
}

let portal: Portal
let anyone: Api
let after: Aftermath

/** dnf itself reads on too, as often as it can. */
async function keepAskingDnf(signal: AbortSignal) {
  const key = join(portal.data, 'keys/public.asc')
  const machine = createMachine(join(portal.folder, 'machine'), portal.url, key)
  const told = { runs: 0, faults: [] as string[] }
  while (!signal.aborted) {
    try {
      await machine.dnf('makecache', '--refresh')
      told.runs += 1
    } catch (error) {
      const said = String(error)
      const away =
        /Connection refused|Couldn't connect|Empty reply|Recv failure|Transferred a partial|transfer closed/
      if (!away.test(said)) told.faults.push(said)
    }
    await sleep(1000)
  }
  return told
}

function repositories() {
  return ['baseos', 'appstream'].flatMap((id) =>
    ['', '-testing'].flatMap((stage) => [
      { repo: `${id}${stage}-10`, arch },
      { repo: `${id}${stage}-source-10`, arch },
    ]),
  )
}

async function tellTheStory(): Promise<Aftermath> {
  const random = seeded(seed)
  const admin = await becomeAdmin(portal)
  const packager = await signUpPackager(portal, admin, 'ship-wright')
  const usernames = ['first-mate', 'second-mate']
  const testers: { username: string; api: Api }[] = []
  for (const username of usernames) testers.push({ username, api: await signUp(portal, username) })
  const restless = await signUp(portal, 'restless-mate')
  await until('all repositories', async () => {
    const answers = repositories().map(({ repo }) =>
      fetch(`${portal.url}/metalink?repo=${repo}&arch=${arch}`),
    )
    return (await Promise.all(answers)).every((answer) => answer.ok)
  })

  const end = new AbortController()
  const key = join(portal.data, 'keys/public.asc')
  const reader = (pause_ms: number) =>
    new Reader(portal.url, join(portal.folder, `reader-${pause_ms}`), key, pause_ms)
  // One that reads as fast as it can, and one on a slow line that wants what changes most.
  const readers = [reader(0), reader(1000)] as const
  const reading = [
    readers[0].keepReading(repositories(), end.signal),
    readers[1].keepReading([{ repo: 'appstream-testing-10', arch }], end.signal),
  ]
  const voting = keepVoting(restless, seeded(seed + 1), end.signal)
  const asking = keepAskingDnf(end.signal)

  let killing = true
  const done: Done[] = []
  const nvrs: string[] = []
  async function lane(name: string) {
    for (let number = 1; killing; number += 1)
      done.push(await carry(packager, testers, name, number, DEADLINE_MS))
  }
  async function buildLane(name: string) {
    for (let number = 1; killing; number += 1)
      nvrs.push((await load(packager, name, number, DEADLINE_MS)).nvr)
  }
  const working = [
    ...Array.from({ length: LANES.whole }, (_, at) => lane(`cargo${at + 1}`)),
    ...Array.from({ length: LANES.build }, (_, at) => buildLane(`ballast${at + 1}`)),
  ]
  const kills = await Promise.all([
    killAtWork(portal, anyone, 'worker', KILLS.worker, random),
    killAtWork(portal, anyone, 'builder', KILLS.builder, seeded(seed + 2)),
    killWeb(portal, KILLS.web, seeded(seed + 3)),
  ]).finally(() => {
    killing = false
  })
  await Promise.all(working)
  await until('nothing to be left to do', () => patiently(allEnded), 60_000)
  end.abort()
  const told = await asking
  await Promise.all(reading)
  return {
    ...{ kills: kills.flat(), done, nvrs, lastVotes: await voting },
    readings: readers.map((reader) => reader.reading),
    ...{ dnfRuns: told.runs, dnfFaults: told.faults },
  }
}

async function allEnded(): Promise<boolean> {
  const open = await anyone.all<Task>('/api/tasks?state=OPEN')
  const free = await anyone.all<Task>('/api/tasks?state=FREE')
  const requested = (await anyone.all<Update>('/api/updates')).filter((each) => each.request)
  return open.length + free.length + requested.length === 0
}

function inDatabase<T>(sql: string): T[] {
  const db = new Sqlite(join(portal.data, 'slipway.db'), { readonly: true })
  try {
    return db.prepare(sql).all() as T[]
  } finally {
    db.close()
  }
}

beforeAll(async () => {
  portal = await startPortal({ env: { BUILDER_CAPACITY: '2' } })
  anyone = new Api(portal.url)
  after = await tellTheStory()
}, 1_800_000)
afterAll(() => portal?.stop())

test('at least 20 kills, in the middle of builds and pushes', () => {
  const { kills, done, readings, dnfRuns } = after
  const told = kills.map((kill) => `${kill.program}: ${kill.held.join(', ')}`)
  process.stdout.write(
    `seed ${seed}; kills:\n${told.sort().join('\n')}\n` +
      `${done.length} updates carried, ${after.nvrs.length} builds beside them; dnf runs ${dnfRuns}; readings ${JSON.stringify(
        readings.map((r) => ({
          ...r,
          generations: r.generations.size,
          advisories: r.advisories.size,
        })),
      )}\n`,
  )
  expect(kills.length).toBeGreaterThanOrEqual(20)
  expect(told.filter((line) => /builder: .*build(SRPM|Arch)/.test(line)).length).toBeGreaterThan(3)
  expect(told.filter((line) => /worker: .*push/.test(line)).length).toBeGreaterThan(2)
})

test('no client has ever seen half of a repository', () => {
  for (const reading of after.readings) {
    expect(reading.faults).toEqual([])
    expect(reading.whole).toBeGreaterThan(10)
    expect(reading.generations.size).toBeGreaterThan(2)
  }
  expect(after.dnfFaults).toEqual([])
  expect(after.dnfRuns).toBeGreaterThan(5)
})

test('every build is complete, and its files are in the store as their digests say', async () => {
  expect(await anyone.all<Task>('/api/tasks?state=FAILED')).toEqual([])
  expect(after.done.length).toBeGreaterThanOrEqual(LANES.whole)
  const files = new Map<string, string[]>()
  for (const entry of readdirSync(join(portal.data, 'packages'), {
    recursive: true,
    withFileTypes: true,
  }))
    if (entry.isFile())
      files.set(entry.name, [...(files.get(entry.name) ?? []), join(entry.parentPath, entry.name)])
  for (const nvr of [...after.nvrs, ...after.done.map((each) => each.nvr)]) {
    const build = await anyone.get<Build>(`/api/builds/${nvr}`)
    expect(build.state).toBe('COMPLETE')
    expect(build.rpms).toHaveLength(2)
    for (const rpm of build.rpms) {
      const paths = files.get(rpm.filename) ?? []
      const digests = paths.map((path) =>
        createHash('sha256').update(readFileSync(path)).digest('hex'),
      )
      expect(digests).toContain(rpm.sha256)
    }
  }
})

test('every vote that was accepted counts', async () => {
  for (const { alias, votes } of after.done) {
    const kept = (await anyone.update(alias)).votes
    for (const { username, karma } of votes)
      expect(kept).toContainEqual(expect.objectContaining({ username, karma, withdrawn_at: null }))
  }
  for (const [alias, karma] of after.lastVotes) {
    const kept = (await anyone.update(alias)).votes
    expect(kept).toContainEqual(expect.objectContaining({ username: 'restless-mate', karma }))
  }
})

test('every update reached its state once, with one advisory number and no gap', async () => {
  interface Pushed {
    subject: string
    payload: { status: string }
  }
  const events: Pushed[] = []
  // A page is what was looked through, not what was found.
  for (let since = 0, over = false; !over; ) {
    const page = await anyone.get<{ items: Pushed[]; next: number; end: boolean }>(
      `/api/events?since=${since}&type=update.pushed&limit=1000`,
    )
    events.push(...page.items)
    over = page.end
    since = page.next
  }
  for (const { alias } of after.done) {
    const pushed = events.filter((event) => event.subject === `update:${alias}`)
    expect(pushed.map((event) => event.payload.status)).toEqual(['testing', 'stable'])
    expect((await anyone.update(alias)).status).toBe('stable')
  }
  const advisories = inDatabase<{ update_alias: string; sequence: number; number: string }>(
    'select update_alias, sequence, number from advisory order by sequence',
  )
  expect(advisories.map((each) => each.sequence)).toEqual(after.done.map((_, at) => at + 1))
  expect(advisories.map((each) => each.update_alias).sort()).toEqual(
    after.done.map((each) => each.alias).sort(),
  )
  const pushes = await anyone.all<{ state: string }>('/api/pushes')
  expect(pushes.filter((push) => push.state !== 'done')).toEqual([])
})
