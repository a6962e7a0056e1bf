/** The way to a release on a migrated database: readiness from the data, slips, blockers, claims, go/no-go. */
import { beforeEach, describe, expect, it } from 'vitest'
import { upstream_package } from '../../db/schema/upstream.ts'
import { setReleaseState } from '../../src/distribution/releases.ts'
import { DAY_MS } from '../../src/kernel/clock.ts'
import { PortalError } from '../../src/kernel/errors.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { contentPackages } from '../../src/packages/names.ts'
import { createPortal } from '../../src/portal.ts'
import type { BlockerInput } from '../../src/releases/blocker.ts'
import {
  decideBlocker,
  listBlockers,
  proposeBlocker,
  resolveBlocker,
  voteBlocker,
} from '../../src/releases/blockers.ts'
import { claimPackage, releaseClaim } from '../../src/releases/claims.ts'
import { decideRelease, listDecisions } from '../../src/releases/decisions.ts'
import {
  moveMilestone,
  reachMilestone,
  scheduleOf,
  syncMilestones,
} from '../../src/releases/milestones.ts'
import { burnUp, changesOfWeek, recordReadiness } from '../../src/releases/progress.ts'
import { readinessOfPackage, readinessReport } from '../../src/releases/reports.ts'
import { updateInput } from '../../src/updates/input.ts'
import { createUpdate, viewUpdate } from '../../src/updates/updates.ts'
import { castVote } from '../../src/updates/votes.ts'
import { asPushed, makeBuild, prepareRelease, RELEASE } from '../support/builds.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
beforeEach(async () => {
  app = await testApp()
  await prepareRelease(app)
  await syncMilestones(ctxOf(app))
  return () => app.end()
})

const ann = () => ctxOf(app, personActor(1, 'ann'))
const member = (id: number) => ctxOf(app, personActor(id, `member${id}`))
const admin = () => ctxOf(app, personActor(9, 'root', ['member', 'admin']))
const packager = () => ctxOf(app, personActor(5, 'packer', ['member', 'packager']))

const ship = (...packages: string[]) => shipBuiltWith([], ...packages)

const shipBuiltWith = (requires: string[], ...packages: string[]) =>
  transaction({ app }, async (tx) => {
    const now = app.clock.now()
    for (const name of packages)
      await tx.insert(upstream_package).values({
        ...{ release: RELEASE, repository: 'appstream', name, epoch: 0, version: '1' },
        ...{ requires, rpm_release: '1.el10', first_seen_at: now, changed_at: now },
      })
    // What an import would have written beside it: without an event the report of before is kept.
    app.clock.advance(60_000)
  })

const codesOf = async (name: string) => {
  const found = await readinessOfPackage(ctxOf(app), RELEASE, name)
  const [first] = found?.by_arch ?? []
  return [first?.readiness.state, ...(first?.readiness.reasons ?? []).map(({ code }) => code)]
}

const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => (error instanceof PortalError ? error : Promise.reject(error)),
  )

describe('readiness', () => {
  it('follows a package from never built to stable, each step with its reasons', async () => {
    await ship('hello')
    expect(await codesOf('hello')).toEqual(['missing', 'readiness.never-built', 'readiness.nobody'])
    await makeBuild(app, 'hello-1-1.kl10', 5)
    expect(await codesOf('hello')).toEqual(['built', 'readiness.no-update'])
    const input = { builds: ['hello-1-1.kl10'], notes: 'x', type: 'newpackage' }
    const { alias } = await createUpdate(packager(), updateInput.parse(input))
    expect(await codesOf('hello')).toEqual(['built', 'readiness.update-pending'])
    await asPushed(app, alias, 'testing')
    expect(await codesOf('hello')).toEqual([
      'testing',
      'readiness.in-testing',
      'update.karma-or-days',
      'update.minimum-hours',
    ])
    await asPushed(app, alias, 'stable')
    expect(await codesOf('hello')).toEqual(['stable'])
    const kinds = (await changesOfWeek(ctxOf(app), RELEASE)).map(({ kind }) => kind)
    expect(kinds).toEqual(['stable', 'testing'])
  })

  it('counts a build that is older than what upstream ships as not yet', async () => {
    await ship('hello')
    await makeBuild(app, 'hello-0.9-7.kl10', 5)
    expect(await codesOf('hello')).toEqual(['missing', 'readiness.older', 'readiness.nobody'])
  })

  it('names what a package is built with while that is not built here itself', async () => {
    await ship('cmake', 'zlib')
    await shipBuiltWith(['cmake', 'hello', 'make', 'zlib-devel'], 'hello')
    const lacks = async () => {
      const found = await readinessOfPackage(ctxOf(app), RELEASE, 'hello')
      const reasons = found?.by_arch[0]?.readiness.reasons ?? []
      return reasons.find(({ code }) => code === 'readiness.requirements')?.params.names
    }
    expect(await lacks()).toBe('cmake, zlib')
    await makeBuild(app, 'cmake-1-1.kl10', 5)
    expect(await lacks()).toBe('zlib')
    await makeBuild(app, 'zlib-1-1.kl10', 5)
    expect(await lacks()).toBeUndefined()
  })

  it('counts by repository and arch, and lists the own packages that upstream lacks', async () => {
    await ship('hello', 'world')
    const report = await readinessReport(ctxOf(app), RELEASE)
    expect(report.from_upstream).toBe(2)
    const own = await contentPackages(app)
    expect(report.packages.map(({ name }) => name)).toEqual([...own, 'hello', 'world'].sort())
    const counted = report.counts.reduce((sum, { counts }) => sum + counts.missing, 0)
    expect(counted).toBe(report.packages.length * report.arches.length)
  })

  it('keeps one row a day for the burn-up, the last of the day', async () => {
    await ship('hello')
    await recordReadiness(app)
    await makeBuild(app, 'hello-1-1.kl10', 5)
    await recordReadiness(app)
    app.clock.advance(DAY_MS)
    await recordReadiness(app)
    const days = await burnUp(ctxOf(app), RELEASE)
    expect(days.map(({ counts }) => counts.built)).toEqual([1, 1])
  })
})

describe('a claim', () => {
  it('is one person’s, until it is let go', async () => {
    await ship('hello')
    await claimPackage(ann(), RELEASE, 'hello')
    expect(await codesOf('hello')).toEqual(['missing', 'readiness.never-built'])
    const second = await refusal(claimPackage(member(2), RELEASE, 'hello'))
    expect(second?.details.reasons?.[0]).toMatchObject({ params: { username: 'ann' } })
    expect((await refusal(releaseClaim(member(2), RELEASE, 'hello')))?.code).toBe('not-found')
    await releaseClaim(ann(), RELEASE, 'hello')
    await claimPackage(member(2), RELEASE, 'hello')
  })

  it('is for packages that the release must reach, and for people', async () => {
    expect((await refusal(claimPackage(ann(), RELEASE, 'nothing')))?.code).toBe('not-found')
    const nobody = { ...ctxOf(app), actor: { kind: 'anonymous' as const } }
    expect((await refusal(claimPackage(nobody, RELEASE, 'x')))?.code).toBe('account.log-in-needed')
  })
})

describe('the schedule', () => {
  it('keeps each slip with its reason and who decided, and the first plan', async () => {
    await moveMilestone(admin(), RELEASE, 'beta', { date: '2027-02-01', reason: 'gcc is late' })
    app.clock.advance(DAY_MS)
    await moveMilestone(admin(), RELEASE, 'beta', { date: '2027-02-10', reason: 'and so is rust' })
    await syncMilestones(ctxOf(app))
    const beta = (await scheduleOf(ctxOf(app), RELEASE)).find((m) => m.milestone.key === 'beta')
    expect(beta?.milestone).toMatchObject({ first_date: '2027-01-20', date: '2027-02-10' })
    expect(beta?.days_late).toBe(21)
    expect(beta?.slips.map(({ reason, decided_by }) => [reason, decided_by])).toEqual([
      ['gcc is late', 'person:root'],
      ['and so is rust', 'person:root'],
    ])
  })

  it.each([
    ['without a reason', { date: '2027-02-01', reason: ' ' }, 'reason'],
    ['to what is no day', { date: '2027-02-30', reason: 'x' }, 'date'],
    ['to the same day', { date: '2027-01-20', reason: 'x' }, 'date'],
  ])('does not move %s', async (_, input, field) => {
    const refused = await refusal(moveMilestone(admin(), RELEASE, 'beta', input))
    expect(refused?.details.field).toBe(field)
  })

  it('is not moved by members, nor after a milestone is reached', async () => {
    const input = { date: '2027-02-01', reason: 'x' }
    expect((await refusal(moveMilestone(ann(), RELEASE, 'beta', input)))?.code).toBe(
      'account.forbidden',
    )
    await reachMilestone(admin(), RELEASE, 'beta')
    const late = await refusal(moveMilestone(admin(), RELEASE, 'beta', input))
    expect(late?.details.field).toBe('milestone')
  })
})

const proposal = (change: Partial<BlockerInput> = {}): BlockerInput => ({
  ...{ kind: 'blocker', title: 'It does not boot', criterion: 'installs' },
  ...{ justification: 'On every machine.', bug_url: '' },
  ...change,
})

describe('blockers', () => {
  it('are decided by votes and with a reason, and then resolved', async () => {
    const { id } = await proposeBlocker(ann(), RELEASE, proposal())
    const accept = { decision: 'accepted' as const, reason: 'It violates the criterion.' }
    const early = await refusal(decideBlocker(admin(), RELEASE, id, accept))
    expect(early?.details.reasons?.map(({ code }) => code)).toEqual(['blocker.votes-lack'])
    for (const person of [2, 3, 4])
      await voteBlocker(member(person), RELEASE, id, { vote: 1, comment: '' })
    // A changed vote is still one.
    await voteBlocker(member(4), RELEASE, id, { vote: -1, comment: 'I was wrong.' })
    await decideBlocker(admin(), RELEASE, id, accept)
    const [found] = await listBlockers(ctxOf(app), RELEASE, { state: 'accepted' })
    expect(found).toMatchObject({ votes: 3, sum: 1 })
    const voted = await refusal(voteBlocker(member(2), RELEASE, id, { vote: 1, comment: '' }))
    expect(voted?.code).toBe('release.refused')
    await resolveBlocker(admin(), RELEASE, id, 'Mended in the kernel.')
    expect((await listBlockers(ctxOf(app), RELEASE, { state: 'accepted' })).length).toBe(0)
  })

  it('name the field at fault', async () => {
    const fault = async (change: Partial<BlockerInput>) =>
      (await refusal(proposeBlocker(ann(), RELEASE, proposal(change))))?.details.field
    expect(await fault({ criterion: 'beauty' })).toBe('criterion')
    expect(await fault({ kind: 'exception' })).toBe('update_alias')
    expect(await fault({ update_alias: 'KEEL-2026-0000000000' })).toBe('update_alias')
  })

  it('let an excepted update through a freeze', async () => {
    await makeBuild(app, 'hello-1-1.kl10', 5)
    const input = { builds: ['hello-1-1.kl10'], notes: 'x', type: 'bugfix', stable_karma: 2 }
    const own = updateInput.parse({ ...input, autokarma: false })
    const { alias } = await createUpdate(packager(), own)
    await asPushed(app, alias, 'testing')
    app.clock.advance(DAY_MS)
    for (const id of [2, 7]) await castVote(member(id), alias, { karma: 1 })
    await setReleaseState(ctxOf(app), RELEASE, 'frozen', 'beta freeze')
    const waits = async () => (await viewUpdate(ctxOf(app), alias)).waits_for.map((r) => r.code)
    expect(await waits()).toEqual(['update.frozen'])
    const exception = proposal({ kind: 'exception', update_alias: alias })
    const { id } = await proposeBlocker(ann(), RELEASE, exception)
    for (const person of [2, 3, 4])
      await voteBlocker(member(person), RELEASE, id, { vote: 1, comment: '' })
    await decideBlocker(admin(), RELEASE, id, { decision: 'accepted', reason: 'small and safe' })
    expect(await waits()).toEqual([])
  })
})

describe('go or no-go', () => {
  it('refuses a go with every reason against it, and records one in spite with that moment', async () => {
    await ship('hello')
    const go = { milestone: 'go-no-go', decision: 'go' as const, reason: 'We can live with it.' }
    const refused = await refusal(decideRelease(admin(), RELEASE, go))
    expect(refused?.details.reasons?.map(({ code }) => code)).toEqual(['release.not-ready'])
    await decideRelease(admin(), RELEASE, { ...go, decision: 'no-go', reason: 'hello is missing' })
    await decideRelease(admin(), RELEASE, { ...go, in_spite: true })
    await makeBuild(app, 'hello-1-1.kl10', 5)
    const [second, first] = await listDecisions(ctxOf(app), RELEASE)
    expect([first?.decision, second?.decision]).toEqual(['no-go', 'go'])
    const state = second?.state as { total: { missing: number; built: number } } | undefined
    expect(state?.total.built).toBe(0)
    expect(state?.total.missing).toBeGreaterThan(0)
  })
})

describe('over HTTP', () => {
  it('answers readiness, schedule, calendar, badge and feed', async () => {
    await ship('hello')
    await moveMilestone(admin(), RELEASE, 'beta', { date: '2027-02-01', reason: 'a, b; c\nd' })
    const portal = createPortal(app)
    const get = (path: string) => portal.request(`http://portal.test${path}`)
    const readiness = await (await get(`/api/releases/${RELEASE}/readiness?state=missing`)).json()
    const hello = readiness.items.find((each: { name: string }) => each.name === 'hello')
    expect(hello.by_arch[0].reasons[0].sentence).toBe('It was never built.')
    const schedule = await (await get(`/api/releases/${RELEASE}/schedule`)).json()
    expect(schedule.items[1]).toMatchObject({ key: 'beta', days_late: 12 })
    const calendar = await (await get(`/releases/${RELEASE}/schedule.ics`)).text()
    expect(calendar).toContain('DTSTART;VALUE=DATE:20270201')
    expect(calendar).toContain('SEQUENCE:1')
    expect(calendar).toBe(await (await get(`/releases/${RELEASE}/schedule.ics`)).text())
    const badge = await get(`/releases/${RELEASE}/badge.svg`)
    expect(badge.headers.get('Content-Type')).toBe('image/svg+xml')
    const feed = await (await get('/feeds/readiness.atom')).text()
    expect(feed).toContain('moved from 2027-01-20 to 2027-02-01')
    expect((await get('/api/releases/none/readiness')).status).toBe(404)
    expect((await get('/releases/none/schedule.ics')).status).toBe(404)
  })
})
