/** Whether the portal works: the rule by its limits, and what is gathered for it as a clock goes on. */
import { eq } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import { mail } from '../../db/schema/kernel.ts'
import { mirror_host, mirror_repository, mirror_site } from '../../db/schema/mirrors.ts'
import { push, update } from '../../db/schema/updates.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/kernel/clock.ts'
import { queueMail, sendDueMail } from '../../src/kernel/mail.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { sayReason } from '../../src/kernel/words.ts'
import { fleetState, OVERDUE_MS } from '../../src/mirrors/fleet.ts'
import { createPortal } from '../../src/portal.ts'
import {
  type HealthFacts,
  healthOf,
  type MirrorFacts,
  type PartName,
  type PushFacts,
  publicMailError,
  spanParams,
  worst,
} from '../../src/status/health.ts'
import { portalStatus } from '../../src/status/status.ts'
import { addBuilder, heartbeat, listBuilders } from '../../src/tasks/builders.ts'
import { noteProgram } from '../../src/tasks/programs.ts'
import { updateInput } from '../../src/updates/input.ts'
import { createUpdate } from '../../src/updates/updates.ts'
import { makeBuild, prepareRelease, RELEASE } from '../support/builds.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

const NOW = Date.UTC(2027, 2, 1)
const builder = (change: Partial<HealthFacts['builders'][number]> = {}) => ({
  ...{ name: 'b1', state: 'online' as const, last_seen_at: NOW, drivers: ['mock'], missing: [] },
  ...change,
})
const silent = { state: 'silent' as const, last_seen_at: NOW - 2 * HOUR_MS }
const mirrors = (change: Partial<MirrorFacts> = {}): MirrorFacts => ({
  ...{ fresh: 4, stale: 0, failing: 0, unchecked: 0, last_crawl_at: NOW, overdue: 0 },
  ...change,
})
const pushed = (change: Partial<PushFacts> = {}): PushFacts => ({
  ...{ release: 'keel10', last_done: undefined, failed: undefined, running: undefined },
  ...{ waiting: 0, waiting_since: null },
  ...change,
})
const good: HealthFacts = {
  ...{ now: NOW, builders: [builder()], workers: 1, push_every_ms: MINUTE_MS },
  queue: { waiting: 0, oldest_at: null, waits_for: [] },
  pushes: [pushed()],
  mirrors: mirrors(),
  mail: { waiting: 0, oldest_at: null, error: null, given_up: 0, last_sent_at: null },
  events: { aside: 0, behind: null },
}
/** Verdict of one part and the codes of its reasons. */
const judged = (part: PartName, change: Partial<HealthFacts>) => {
  const found = healthOf({ ...good, ...change }).find((each) => each.part === part)
  return [found?.verdict, ...(found?.reasons ?? []).map(({ code }) => code)]
}

describe('the rule', () => {
  it('finds nothing wrong where nothing is', () => {
    expect(healthOf(good).map(({ part, verdict }) => `${part} ${verdict}`)).toEqual([
      ...['builders works', 'workers works', 'queue works'],
      ...['pushes works', 'mirrors works', 'mail works', 'events works'],
    ])
    expect(worst(['works', 'broken', 'late'])).toBe('broken')
    expect(worst(['late', 'works'])).toBe('late')
  })

  it('calls building broken when nobody can, and late while somebody still does', () => {
    const of = (...builders: HealthFacts['builders']) => judged('builders', { builders })
    expect(of(builder(), builder({ ...silent, name: 'b2' }))).toEqual([
      ...['late', 'status.builder-silent'],
    ])
    expect(of(builder(silent))).toEqual(['broken', 'status.builder-silent'])
    expect(of(builder({ drivers: [], missing: ['rpmbuild'] }))).toEqual(['broken', 'builder.lacks'])
    expect(of(builder({ state: 'silent', last_seen_at: null }))[1]).toBe('status.builder-never')
    expect(of(builder({ state: 'disabled' }))).toEqual(['broken', 'status.no-builder'])
    expect(judged('workers', { workers: 0 })).toEqual(['broken', 'status.no-worker'])
  })

  it('says of a queue that waits what its oldest task waits for', () => {
    const waits_for = [{ code: 'task.no-builder', params: {} }]
    const queue = { waiting: 3, oldest_at: NOW - HOUR_MS, waits_for }
    expect(judged('queue', { queue })).toEqual(['late', 'status.queue-waits', 'task.no-builder'])
    const young = { ...queue, oldest_at: NOW - HOUR_MS + 1 }
    expect(judged('queue', { queue: young })).toEqual(['works'])
  })

  it('counts the wait for a push from the later of request and last push', () => {
    const of = (change: Partial<PushFacts>) => judged('pushes', { pushes: [pushed(change)] })
    const last_done = { id: 3, ended_at: NOW - 3 * DAY_MS }
    const ago = (ms: number) => ({ last_done, waiting: 2, waiting_since: NOW - ms })
    expect(of(ago(MINUTE_MS))).toEqual(['works'])
    expect(of(ago(HOUR_MS + MINUTE_MS))).toEqual(['late', 'status.push-due'])
    expect(of(ago(4 * DAY_MS))).toEqual(['broken', 'status.push-due'])
    expect(of({ last_done, waiting: 0 })).toEqual(['works'])
    expect(of({ ...ago(4 * DAY_MS), running: { id: 4, created_at: NOW } })).toEqual(['works'])
    const [due] = healthOf({ ...good, pushes: [pushed(ago(4 * DAY_MS))] })[3]?.reasons ?? []
    expect(due?.params).toEqual({ release: 'keel10', waiting: 2, n: 3, unit: 'days' })
  })

  it('names a push that failed or does not end', () => {
    const of = (change: Partial<PushFacts>) => judged('pushes', { pushes: [pushed(change)] })
    expect(of({ failed: { id: 4, ended_at: NOW } })).toEqual(['broken', 'status.push-failed'])
    const created_at = NOW - 2 * HOUR_MS
    expect(of({ running: { id: 5, created_at } })).toEqual(['late', 'status.push-runs'])
  })

  it('judges the mirrors together, and the crawler that looks at them', () => {
    const of = (change: Partial<MirrorFacts>) => judged('mirrors', { mirrors: mirrors(change) })
    expect(of({ failing: 1 })).toEqual(['late', 'status.mirrors-failing'])
    expect(of({ fresh: 0, failing: 4 })).toEqual(['broken', 'status.mirrors-all-failing'])
    expect(of({ stale: 5 })).toEqual(['late', 'status.mirrors-stale'])
    expect(of({ fresh: 4, stale: 4 })).toEqual(['works'])
    expect(of({ overdue: 1 })).toEqual(['late', 'status.crawler-late'])
    expect(of({ fresh: 0, unchecked: 1, overdue: 1, last_crawl_at: null })).toEqual([
      ...['broken', 'status.crawler-never'],
    ])
    expect(of({ fresh: 0 })).toEqual(['works', 'status.no-mirror'])
  })

  it('says how long letters wait and what the mail server said', () => {
    const of = (change: Partial<HealthFacts['mail']>) =>
      judged('mail', { mail: { ...good.mail, waiting: 5, ...change } })
    expect(of({ oldest_at: NOW - 9 * MINUTE_MS })).toEqual(['works'])
    expect(of({ oldest_at: NOW - 10 * MINUTE_MS })).toEqual(['late', 'status.mail-waits'])
    const refused = { oldest_at: NOW - HOUR_MS, error: '451 try later' }
    expect(of(refused)).toEqual(['broken', 'status.mail-refused'])
    expect(of({ waiting: 0, given_up: 1 })).toEqual(['late', 'status.mail-given-up'])
  })

  it('says that events stand aside, and who is behind with them', () => {
    const of = (change: Partial<HealthFacts['events']>) =>
      judged('events', { events: { ...good.events, ...change } })
    expect(of({ aside: 1 })).toEqual(['late', 'status.events-aside'])
    const since = (ms: number) => ({ behind: { subscriber: 'letters', at: NOW - ms } })
    expect(of(since(4 * MINUTE_MS))).toEqual(['works'])
    expect(of(since(5 * MINUTE_MS))).toEqual(['late', 'status.events-late'])
  })

  it('writes spans in whole units, and no address into what everyone reads', () => {
    expect(spanParams(59 * MINUTE_MS + 59 * SECOND_MS)).toEqual({ n: 59, unit: 'minutes' })
    expect(spanParams(HOUR_MS)).toEqual({ n: 1, unit: 'hours' })
    expect(spanParams(2 * DAY_MS + HOUR_MS)).toEqual({ n: 2, unit: 'days' })
    const said = 'Error: 550 5.1.1 <ann@example.org>: unknown; connect ECONNREFUSED 10.1.2.3:25'
    expect(publicMailError(said)).toBe('Error: 550 5.1.1 <…@…>: unknown; connect ECONNREFUSED …')
    expect(publicMailError('connect ECONNREFUSED fd00::1:25')).not.toContain('fd00')
  })

  it('takes a mirror for fresh only when all its repositories are', () => {
    const [fresh, stale] = [
      { listed: true, outcome: 'fresh' },
      { listed: true, outcome: 'stale' },
    ]
    expect(fleetState(null, [fresh])).toBe('unchecked')
    expect(fleetState(1, [])).toBe('unchecked')
    expect(fleetState(1, [fresh, fresh])).toBe('fresh')
    expect(fleetState(1, [fresh, stale])).toBe('stale')
    expect(fleetState(1, [fresh, { listed: false, outcome: 'down' }])).toBe('stale')
    expect(fleetState(1, [{ listed: false, outcome: 'down' }])).toBe('failing')
  })
})

describe('on a portal', () => {
  let app: TestApp
  beforeEach(async () => {
    app = await testApp()
    await prepareRelease(app)
    return () => app.end()
  })

  const judge = async (part: PartName) => {
    const { health } = await portalStatus(ctxOf(app))
    const found = health.find((each) => each.part === part)
    return [found?.verdict, ...(found?.reasons ?? []).map(({ code }) => code)]
  }
  const sentence = async (part: PartName) => {
    const { health } = await portalStatus(ctxOf(app))
    const [first] = health.find((each) => each.part === part)?.reasons ?? []
    return first && sayReason(app.words.in('en'), first)
  }

  it('hears of builders and workers until they fall silent', async () => {
    expect(await judge('builders')).toEqual(['broken', 'status.no-builder'])
    await addBuilder(ctxOf(app), 'b1', {
      ...{ arches: ['x86_64'], channels: ['default'], drivers: ['host'], capacity: 2 },
    })
    expect(await judge('builders')).toEqual(['broken', 'status.builder-never'])
    const [row] = await listBuilders(ctxOf(app))
    if (!row) throw new Error('no builder')
    await heartbeat(ctxOf(app), row, {
      ...{ version: '1', arches: ['x86_64'], channels: ['default'], capacity: 1 },
      ...{ drivers: ['host'], missing: [], tasks: [] },
    })
    await noteProgram(app, 'worker:1', 'worker')
    expect([...(await judge('builders')), ...(await judge('workers'))]).toEqual(['works', 'works'])
    app.clock.advance(3 * HOUR_MS)
    expect(await judge('workers')).toEqual(['broken', 'status.no-worker'])
    expect(await sentence('builders')).toBe('The builder b1 has been silent for 3 hours.')
  })

  it('sees updates that wait, and the push that failed or took them', async () => {
    await makeBuild(app, 'hello-1-1.kl10', 5)
    const packer = ctxOf(app, personActor(5, 'packer', ['member', 'packager']))
    const input = { builds: ['hello-1-1.kl10'], notes: 'x', type: 'bugfix' }
    await createUpdate(packer, updateInput.parse(input))
    expect(await judge('pushes')).toEqual(['works'])
    app.clock.advance(2 * HOUR_MS)
    expect(await sentence('pushes')).toBe(
      'No push of keel10 has finished for 2 hours while 1 update waits.',
    )
    const note = (state: 'failed' | 'done') =>
      transaction({ app }, (tx) =>
        tx.insert(push).values({
          ...{ release: RELEASE, state, step: 'gate', task_id: 0, notes: [] },
          ...{ created_at: app.clock.now(), ended_at: app.clock.now() },
        }),
      )
    await note('failed')
    expect(await judge('pushes')).toEqual(['broken', 'status.push-failed', 'status.push-due'])
    await note('done')
    await transaction({ app }, (tx) => tx.update(update).set({ request: null }))
    expect(await judge('pushes')).toEqual(['works'])
  })

  it('counts mirrors by state, and those that the crawler forgot', async () => {
    expect(await judge('mirrors')).toEqual(['works', 'status.no-mirror'])
    const now = app.clock.now()
    const made = { created_at: now, modified_at: now }
    await transaction({ app }, async (tx) => {
      const [site] = await tx
        .insert(mirror_site)
        .values({ name: 'x', contacts: [], created_at: now })
        .returning()
      for (const [at, name] of ['a', 'b', 'c', 'paused'].entries()) {
        const state = name === 'paused' ? 'paused' : 'active'
        const crawled_at = name === 'c' ? null : now
        const [host] = await tx
          .insert(mirror_host)
          .values({
            ...{ site_id: site?.id ?? 0, name, country: 'DE', bandwidth_mbps: 1, state },
            ...{ proof_token: name, proved_at: now, crawled_at, ...made },
          })
          .returning()
        await tx.insert(mirror_repository).values({
          ...{ host_id: host?.id ?? 0, repository_id: 1, fresh: 3, checked_at: now },
          ...{ listed: at === 0, outcome: at === 0 ? 'fresh' : 'down' },
        })
      }
    })
    const { facts } = await portalStatus(ctxOf(app))
    expect(facts.mirrors).toEqual({
      ...{ fresh: 1, stale: 0, failing: 1, unchecked: 1, last_crawl_at: now, overdue: 0 },
    })
    app.clock.advance(OVERDUE_MS + 1)
    expect((await portalStatus(ctxOf(app))).facts.mirrors.overdue).toBe(3)
    await transaction({ app }, (tx) =>
      tx.update(mirror_host).set({ state: 'paused' }).where(eq(mirror_host.name, 'b')),
    )
    expect(await judge('mirrors')).toEqual(['late', 'status.crawler-late'])
  })

  it('tells of letters that wait with the server’s words, and answers all of it as JSON', async () => {
    await transaction({ app }, (tx) =>
      queueMail(tx, ctxOf(app), { to: 'ann@example.org', subject: 's', body: 'b' }),
    )
    const refuses = { send: () => Promise.reject(new Error('450 <ann@example.org> try later')) }
    await sendDueMail(app, refuses)
    app.clock.advance(2 * HOUR_MS)
    const answer = await createPortal(app).request('http://portal.test/api/status')
    const said = await answer.json()
    expect(said).toMatchObject({ verdict: 'broken', mail: { waiting: 1, last_sent_at: null } })
    const part = said.parts.find((each: { part: string }) => each.part === 'mail')
    expect(part.reasons).toEqual([
      {
        code: 'status.mail-refused',
        sentence:
          'A letter waits, the oldest for 2 hours: the mail server says “Error: 450 <…@…> try later”.',
      },
    ])
    expect(JSON.stringify(said)).not.toContain('ann@')
    await sendDueMail(app, { send: () => Promise.resolve() })
    expect(await judge('mail')).toEqual(['works'])
    const [row] = await app.db.select().from(mail)
    expect((await portalStatus(ctxOf(app))).facts.mail.last_sent_at).toBe(row?.sent_at)
  })
})
