/** Updates as people handle them: made, voted on, revised, obsoleted, requested; on a real database. */
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { update, vote_history } from '../../db/schema/updates.ts'
import { taggedBuilds } from '../../src/builds/tags.ts'
import { setReleaseState } from '../../src/distribution/releases.ts'
import { auditOfSubject } from '../../src/kernel/audit.ts'
import { DAY_MS, HOUR_MS } from '../../src/kernel/clock.ts'
import type { Ctx } from '../../src/kernel/context.ts'
import { eventsAfter } from '../../src/kernel/events.ts'
import { deliver } from '../../src/kernel/subscribers.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { askFollowsRelease, askWhereDue } from '../../src/updates/autopush.ts'
import { postComment } from '../../src/updates/comments.ts'
import { recordGate, waiveGate } from '../../src/updates/gates.ts'
import { updateEdit, updateInput } from '../../src/updates/input.ts'
import { obsoleteOvertaken } from '../../src/updates/obsolete.ts'
import { startPush } from '../../src/updates/pushes.ts'
import { requestUpdate } from '../../src/updates/requests.ts'
import { editUpdate } from '../../src/updates/revisions.ts'
import { createUpdate, getUpdate, viewUpdate } from '../../src/updates/updates.ts'
import { castVote, type VoteInput, withdrawVote } from '../../src/updates/votes.ts'
import { asPushed, makeBuild, prepareRelease, RELEASE } from '../support/builds.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let packager: Ctx
beforeEach(async () => {
  app = await testApp()
  await prepareRelease(app)
  packager = ctxOf(app, personActor(1, 'packer', ['member', 'packager']))
})
afterEach(() => app.end())

const tester = (id: number) => ctxOf(app, personActor(id, `tester${id}`))

async function make(builds: string[], more: Record<string, unknown> = {}) {
  const input = updateInput.parse({ builds, notes: 'Look at it.', type: 'bugfix', ...more })
  return (await createUpdate(packager, input)).alias
}

/** An update of one build in testing since a while. */
async function inTesting(nvr = 'hello-1-1', more: Record<string, unknown> = {}) {
  await makeBuild(app, nvr)
  const alias = await make([nvr], more)
  await asPushed(app, alias, 'testing')
  return alias
}

const karma = async (alias: string) => (await viewUpdate(packager, alias)).karma
const status = async (alias: string) => (await getUpdate(packager, alias)).status
const waits = async (alias: string) =>
  (await viewUpdate(packager, alias)).waits_for.map((each) => each.code)

describe('making', () => {
  it('asks for testing, takes the policy of the release, and is on record', async () => {
    await makeBuild(app, 'hello-1-1')
    const row = await getUpdate(packager, await make(['hello-1-1']))
    expect(row).toMatchObject({
      title: 'hello-1-1',
      status: 'pending',
      request: 'testing',
      release: RELEASE,
      stable_karma: 3,
      revision: 1,
      critical: false,
    })
    expect(row.alias).toMatch(/^KEEL-2026-[0-9a-f]{10}$/)
    const [entry] = await auditOfSubject(app.db, `update:${row.alias}`)
    expect(entry).toMatchObject({ action: 'update.created', actor: 'person:packer' })
  })

  it('marks critical packages', async () => {
    await makeBuild(app, 'keel-release-11-1')
    expect((await getUpdate(packager, await make(['keel-release-11-1']))).critical).toBe(true)
  })

  it('names the field and the fault of what it refuses', async () => {
    await makeBuild(app, 'hello-1-1')
    await makeBuild(app, 'hello-2-1')
    await expect(make(['nothing-1-1'])).rejects.toMatchObject({
      code: 'input.invalid',
      details: { field: 'builds', reasons: [{ code: 'update.build-unknown' }] },
    })
    await expect(make(['hello-1-1', 'hello-2-1'])).rejects.toMatchObject({
      details: { reasons: [{ code: 'update.package-twice' }] },
    })
    await make(['hello-1-1'])
    await expect(make(['hello-1-1'])).rejects.toMatchObject({ code: 'update.build-taken' })
  })

  it('is for packagers', async () => {
    await makeBuild(app, 'hello-1-1')
    const input = updateInput.parse({ builds: ['hello-1-1'], notes: 'x', type: 'bugfix' })
    await expect(createUpdate(tester(2), input)).rejects.toMatchObject({
      code: 'account.forbidden',
    })
    await expect(createUpdate(ctxOf(app, { kind: 'anonymous' }), input)).rejects.toMatchObject({
      code: 'account.log-in-needed',
    })
  })

  it('obsoletes the older update of its package, with its bugs, notes and security type', async () => {
    const bugs = [{ url: 'https://bugs.example/1', number: '1', required: true }]
    const cves = ['CVE-2026-1234']
    const old = await inTesting('hello-1-1', { type: 'security', severity: 'high', bugs, cves })
    await makeBuild(app, 'hello-2-1')
    const alias = await make(['hello-2-1'], { notes: 'Newer.' })
    expect(await getUpdate(packager, old)).toMatchObject({
      status: 'obsolete',
      obsoleted_by: alias,
    })
    const view = await viewUpdate(packager, alias)
    expect(view.update).toMatchObject({ type: 'security', severity: 'high' })
    expect(view.update.notes).toContain('Look at it.')
    expect(view.bugs).toMatchObject([{ number: '1', required: true }])
    expect(view.cves).toEqual(cves)
    expect(await taggedBuilds(app.db, 'keel10-testing')).toEqual([])
  })

  it('leaves an older update alone that holds other packages too, or that a push has in hand', async () => {
    await makeBuild(app, 'hello-1-1')
    await makeBuild(app, 'world-1-1')
    const both = await make(['hello-1-1', 'world-1-1'])
    await makeBuild(app, 'other-1-1')
    const locked = await make(['other-1-1'])
    await startPush(ctxOf(app), RELEASE)
    await makeBuild(app, 'hello-2-1')
    await makeBuild(app, 'other-2-1')
    await make(['hello-2-1'])
    await make(['other-2-1'])
    expect(await status(both)).toBe('pending')
    expect(await status(locked)).toBe('pending')
  })
})

describe('thresholds', () => {
  it('are not below policy, for critical packages not below its own karma', async () => {
    await makeBuild(app, 'hello-1-1')
    await makeBuild(app, 'keel-release-11-1')
    const fault = (field: string, code: string) => ({ details: { field, reasons: [{ code }] } })
    await expect(make(['hello-1-1'], { stable_karma: 1 })).rejects.toMatchObject(
      fault('stable_karma', 'update.karma-floor'),
    )
    await expect(make(['keel-release-11-1'], { stable_karma: 2 })).rejects.toMatchObject(
      fault('stable_karma', 'update.karma-floor'),
    )
    await expect(make(['hello-1-1'], { unstable_karma: -50 })).rejects.toMatchObject(
      fault('unstable_karma', 'update.unstable-floor'),
    )
    const alias = await make(['hello-1-1'], { stable_karma: 2 })
    await expect(editUpdate(packager, alias, { stable_karma: 1 })).rejects.toMatchObject(
      fault('stable_karma', 'update.karma-floor'),
    )
  })

  it('of an older update that asked for less do not carry it', async () => {
    const alias = await inTesting('hello-1-1', { stable_karma: 2 })
    await transaction(ctxOf(app), (tx) => tx.update(update).set({ stable_karma: 1 }))
    app.clock.advance(DAY_MS)
    await castVote(tester(2), alias, { karma: 1 })
    expect((await getUpdate(packager, alias)).request).toBeNull()
    expect(await waits(alias)).toEqual(['update.karma-or-days'])
    await castVote(tester(3), alias, { karma: 1 })
    expect((await getUpdate(packager, alias)).request).toBe('stable')
  })

  it('follow the packages: an edit that brings a critical one makes the update critical', async () => {
    const alias = await inTesting()
    await makeBuild(app, 'keel-release-11-1')
    await editUpdate(packager, alias, { builds: ['hello-1-1', 'keel-release-11-1'] })
    expect((await getUpdate(packager, alias)).critical).toBe(true)
  })
})

describe('which build is newer', () => {
  it('decides who replaces whom: an older build obsoletes nothing, and is refused', async () => {
    await makeBuild(app, 'hello-1-1')
    const newer = await inTesting('hello-1-2', { type: 'security', severity: 'high' })
    await expect(make(['hello-1-1'])).rejects.toMatchObject({
      details: { field: 'builds', reasons: [{ code: 'update.older-than-open' }] },
    })
    expect(await status(newer)).toBe('testing')
  })

  it('makes obsolete what an edit overtakes', async () => {
    const older = await inTesting('hello-1-1')
    const other = await inTesting('other-1-1')
    await makeBuild(app, 'hello-1-3')
    await editUpdate(packager, other, { builds: ['other-1-1', 'hello-1-3'] })
    expect(await getUpdate(packager, older)).toMatchObject({
      status: 'obsolete',
      obsoleted_by: other,
    })
  })

  it('makes obsolete what another update’s going stable overtakes', async () => {
    const older = await inTesting('hello-1-1')
    const other = await inTesting('other-1-1')
    await makeBuild(app, 'hello-1-3')
    // The older one was locked when the newer build came, so that nothing ended it.
    await transaction(ctxOf(app), (tx) =>
      tx.update(update).set({ push_id: 99 }).where(eq(update.alias, older)),
    )
    await editUpdate(packager, other, { builds: ['other-1-1', 'hello-1-3'] })
    await transaction(ctxOf(app), (tx) => tx.update(update).set({ push_id: null }))
    expect(await status(older)).toBe('testing')
    await asPushed(app, other, 'stable')
    const row = await getUpdate(packager, other)
    await transaction(ctxOf(app), (tx) => obsoleteOvertaken(tx, ctxOf(app), [row]))
    expect(await status(older)).toBe('obsolete')
    expect(await taggedBuilds(app.db, `${RELEASE}-testing`)).toEqual([])
  })
})

describe('votes', () => {
  it('of the same moment are each counted or refused for themselves', async () => {
    const alias = await inTesting('hello-1-1', { stable_karma: 50, unstable_karma: -3 })
    const cast = (ctx: Ctx, input: Partial<VoteInput>) =>
      castVote(ctx, alias, { karma: 1, ...input }).then(String, (error) => error.code)
    const ends = await Promise.all([
      // The first goes alone; the others share the next transaction, but for the second of one person.
      cast(tester(2), {}),
      cast(tester(3), {}),
      cast(packager, {}),
      cast(tester(4), { subject: 'bug:7' }),
      cast(tester(5), { revision: 7 }),
      cast(tester(3), { karma: -1 }),
      // What is said is looked at first, so that this one comes when it comes.
      cast(tester(6), { karma: 0, text: 'I can not tell.' }).then((end) => /^\d$/.test(end)),
    ])
    expect(ends).toEqual([
      ...['1', '2', 'update.own-vote', 'input.invalid', 'update.refused', '0', true],
    ])
    const { votes, comments } = await viewUpdate(packager, alias)
    expect(votes.map((each) => [each.username, each.karma])).toEqual([
      ['tester2', 1],
      ['tester3', -1],
      ['tester6', 0],
    ])
    expect(comments.map((each) => [each.author, each.karma])).toEqual([['tester6', 0]])
    expect(await app.db.$count(vote_history)).toBe(4)
    const said = await auditOfSubject(app.db, `update:${alias}`)
    expect(said.filter((each) => each.action === 'update.voted')).toHaveLength(4)
  })

  it('count once a person, can be changed and withdrawn, and keep their history', async () => {
    const alias = await inTesting()
    expect(await castVote(tester(2), alias, { karma: 1 })).toBe(1)
    expect(await castVote(tester(2), alias, { karma: 1 })).toBe(1)
    expect(await castVote(tester(3), alias, { karma: 1 })).toBe(2)
    expect(await castVote(tester(2), alias, { karma: 0 })).toBe(1)
    expect(await withdrawVote(tester(3), alias)).toBe(0)
    const { votes } = await viewUpdate(packager, alias)
    expect(votes).toHaveLength(2)
    expect(votes.find((each) => each.person_id === 3)?.withdrawn_at).not.toBeNull()
    await expect(withdrawVote(tester(3), alias)).rejects.toMatchObject({ code: 'not-found' })
    expect(await castVote(tester(3), alias, { karma: -1 })).toBe(-1)
  })

  it('are not for the submitter, for nobody, nor for ended updates', async () => {
    const alias = await inTesting()
    await expect(castVote(packager, alias, { karma: 1 })).rejects.toMatchObject({
      code: 'update.own-vote',
    })
    await expect(
      castVote(ctxOf(app, { kind: 'anonymous' }), alias, { karma: 1 }),
    ).rejects.toMatchObject({ code: 'account.log-in-needed' })
    await asPushed(app, alias, 'stable')
    await expect(castVote(tester(2), alias, { karma: 1 })).rejects.toMatchObject({
      code: 'update.not-votable',
    })
  })

  it('need the scope of a token', async () => {
    const alias = await inTesting()
    const actor = { ...personActor(2, 'tester2'), scopes: ['read' as const] }
    await expect(castVote(ctxOf(app, actor), alias, { karma: 1 })).rejects.toMatchObject({
      code: 'account.scope-missing',
    })
  })

  it('are not erased by a comment', async () => {
    const alias = await inTesting()
    await castVote(tester(2), alias, { karma: 1, text: 'Works.' })
    await postComment(tester(2), alias, 'One more thing.')
    expect(await karma(alias)).toBe(1)
    expect((await viewUpdate(packager, alias)).comments.map((each) => each.karma)).toEqual([
      1,
      null,
    ])
  })

  it('of many people at the same moment all count', async () => {
    const alias = await inTesting('hello-1-1', { autokarma: false, stable_karma: 100 })
    const people = Array.from({ length: 25 }, (_, n) => tester(n + 2))
    await Promise.all(people.map((each) => castVote(each, alias, { karma: 1 })))
    expect(await karma(alias)).toBe(25)
  })

  it('obsolete at unstable karma', async () => {
    const alias = await inTesting()
    for (const id of [2, 3]) await castVote(tester(id), alias, { karma: -1 })
    expect(await status(alias)).toBe('testing')
    await castVote(tester(4), alias, { karma: -1 })
    expect(await status(alias)).toBe('obsolete')
    expect(await taggedBuilds(app.db, 'keel10-testing')).toEqual([])
  })

  it('on bugs and test cases are counted apart and enforced where required', async () => {
    const bugs = [{ url: 'https://bugs.example/7', number: '7', required: true }]
    const testcases = [{ name: 'boots', required: true }]
    const alias = await inTesting('hello-1-1', { bugs, testcases, stable_karma: 2 })
    app.clock.advance(DAY_MS)
    const view = await viewUpdate(packager, alias)
    const subjects = [`bug:${view.bugs[0]?.id}`, `testcase:${view.testcases[0]?.id}`]
    await castVote(tester(2), alias, { karma: 1 })
    await castVote(tester(9), alias, { karma: 1 })
    expect(await waits(alias)).toEqual(['update.bug-feedback', 'update.testcase-feedback'])
    for (const subject of subjects) await castVote(tester(2), alias, { karma: 1, subject })
    expect(await waits(alias)).toEqual([])
    expect(await karma(alias)).toBe(2)
    await expect(
      castVote(tester(2), alias, { karma: 1, subject: 'bug:999' }),
    ).rejects.toMatchObject({ details: { field: 'subject' } })
  })
})

describe('autopush', () => {
  it('asks for stable at the vote that reaches the karma, after the minimum time', async () => {
    const alias = await inTesting('hello-1-1', { stable_karma: 2 })
    app.clock.advance(DAY_MS)
    await castVote(tester(2), alias, { karma: 1 })
    expect((await getUpdate(packager, alias)).request).toBeNull()
    await castVote(tester(3), alias, { karma: 1 })
    expect((await getUpdate(packager, alias)).request).toBe('stable')
  })

  it('by karma reached early, asks when the minimum time is over', async () => {
    const alias = await inTesting('hello-1-1', { stable_karma: 2 })
    await castVote(tester(2), alias, { karma: 1 })
    await castVote(tester(9), alias, { karma: 1 })
    expect(await askWhereDue(ctxOf(app))).toBe(0)
    app.clock.advance(24 * HOUR_MS)
    expect(await askWhereDue(ctxOf(app))).toBe(1)
    expect((await getUpdate(packager, alias)).request).toBe('stable')
  })

  it('by time goes after the days of the release', async () => {
    await inTesting()
    app.clock.advance(7 * DAY_MS - 1)
    expect(await askWhereDue(ctxOf(app))).toBe(0)
    app.clock.advance(1)
    expect(await askWhereDue(ctxOf(app))).toBe(1)
  })

  it('looks only at what something happened to, or whose time has come', async () => {
    const first = await inTesting('one-1-1')
    for (const name of ['two', 'three']) await inTesting(`${name}-1-1`)
    let writes = 0
    const { write } = app.database
    const watched = {
      ...app.database,
      write: ((work) => {
        writes++
        return write.call(app.database, work)
      }) as typeof write,
    }
    const looks = async () => {
      writes = 0
      await askWhereDue(ctxOf({ ...app, database: watched }))
      return writes
    }
    expect(await looks()).toBe(3)
    expect(await looks()).toBe(0)
    await castVote(tester(2), first, { karma: 1 })
    expect(await looks()).toBe(1)
    app.clock.advance(24 * HOUR_MS)
    expect(await looks()).toBe(3)
    expect(await looks()).toBe(0)
    await setReleaseState(ctxOf(app), RELEASE, 'frozen', 'soon')
    await deliver(app, askFollowsRelease)
    expect(await looks()).toBe(3)
  })

  it('is stopped by the first -1 of anyone, once, even when it is taken back', async () => {
    const alias = await inTesting('hello-1-1', { stable_karma: 2 })
    app.clock.advance(DAY_MS)
    await castVote(tester(2), alias, { karma: -1 })
    await castVote(tester(3), alias, { karma: -1 })
    await withdrawVote(tester(2), alias)
    await withdrawVote(tester(3), alias)
    await castVote(tester(4), alias, { karma: 1 })
    await castVote(tester(5), alias, { karma: 1 })
    expect((await getUpdate(packager, alias)).request).toBeNull()
    const stops = await eventsAfter(app.db, 0, { types: ['update.autopush-stopped'] })
    expect(stops).toHaveLength(1)
    await requestUpdate(packager, alias, 'stable')
    expect((await getUpdate(packager, alias)).request).toBe('stable')
  })
})

describe('requests', () => {
  it('are refused with every reason that stands against them', async () => {
    const alias = await inTesting()
    await expect(requestUpdate(packager, alias, 'stable')).rejects.toMatchObject({
      code: 'update.refused',
      details: {
        reasons: [{ code: 'update.karma-or-days' }, { code: 'update.minimum-hours' }],
      },
    })
  })

  it('are for those who look after the packages, and admins', async () => {
    const alias = await inTesting()
    const other = ctxOf(app, personActor(9, 'other', ['member', 'packager']))
    await expect(requestUpdate(other, alias, 'unpush')).rejects.toMatchObject({
      code: 'package.not-owner',
    })
    await requestUpdate(ctxOf(app, personActor(8, 'boss', ['member', 'admin'])), alias, 'unpush')
    expect(await status(alias)).toBe('unpushed')
    await requestUpdate(packager, alias, 'testing')
    expect(await getUpdate(packager, alias)).toMatchObject({
      status: 'pending',
      request: 'testing',
    })
  })

  it('wait while a push has the update in hand', async () => {
    await makeBuild(app, 'hello-1-1')
    const alias = await make(['hello-1-1'])
    await startPush(ctxOf(app), RELEASE)
    await expect(requestUpdate(packager, alias, 'revoke')).rejects.toMatchObject({
      code: 'update.locked',
    })
    await expect(editUpdate(packager, alias, { title: 'x' })).rejects.toMatchObject({
      code: 'update.locked',
    })
  })

  it('are closed by a freeze', async () => {
    const alias = await inTesting('hello-1-1', { stable_karma: 2, autokarma: false })
    app.clock.advance(DAY_MS)
    await castVote(tester(2), alias, { karma: 1 })
    await castVote(tester(9), alias, { karma: 1 })
    await setReleaseState(ctxOf(app), RELEASE, 'frozen', 'beta freeze')
    expect(await waits(alias)).toEqual(['update.frozen'])
  })
})

describe('gates', () => {
  it('hold an update back until they pass or are waived with a reason', async () => {
    const alias = await inTesting('hello-1-1', { stable_karma: 2, autokarma: false })
    app.clock.advance(DAY_MS)
    await castVote(tester(2), alias, { karma: 1 })
    await castVote(tester(9), alias, { karma: 1 })
    const gate = { revision: 1, check: 'installs', passed: false, required: true, message: 'x' }
    await recordGate(ctxOf(app), alias, gate)
    expect(await waits(alias)).toEqual(['update.gate'])
    const result = { revision: 1, check: 'installs' }
    await expect(waiveGate(packager, alias, result, ' ')).rejects.toMatchObject({
      details: { field: 'reason' },
    })
    await waiveGate(packager, alias, result, 'the test host was broken')
    expect(await waits(alias)).toEqual([])
  })

  it('hold it back again when a waived check fails anew, and a waiver names the result that it is of', async () => {
    const alias = await inTesting('hello-1-1', { stable_karma: 2, autokarma: false })
    app.clock.advance(DAY_MS)
    for (const id of [2, 3]) await castVote(tester(id), alias, { karma: 1 })
    const gate = { revision: 1, check: 'installs', passed: false, required: true, message: 'x' }
    await recordGate(ctxOf(app), alias, gate)
    const seen = { revision: 1, check: 'installs', result_at: app.clock.now() }
    await waiveGate(packager, alias, seen, 'the test host was broken')
    expect(await waits(alias)).toEqual([])
    app.clock.advance(1000)
    await recordGate(ctxOf(app), alias, { ...gate, message: 'it eats files' })
    expect(await waits(alias)).toEqual(['update.gate'])
    await expect(waiveGate(packager, alias, seen, 'as before')).rejects.toMatchObject({
      details: { field: 'result_at' },
    })
    expect(await waits(alias)).toEqual(['update.gate'])
    const entries = await auditOfSubject(app.db, `update:${alias}`)
    expect(entries.filter(({ action }) => action === 'update.gated')).toHaveLength(2)
  })

  it('and votes of another revision than the one that was looked at do not count', async () => {
    const alias = await inTesting()
    await makeBuild(app, 'hello-2-1')
    await editUpdate(packager, alias, { builds: ['hello-2-1'] })
    const late = { code: 'update.refused', details: { field: 'revision' } }
    await expect(castVote(tester(2), alias, { karma: 1, revision: 1 })).rejects.toMatchObject(late)
    const gate = { revision: 1, check: 'installs', passed: true, required: true, message: '' }
    await expect(recordGate(ctxOf(app), alias, gate)).rejects.toMatchObject(late)
    await expect(
      waiveGate(packager, alias, { revision: 1, check: 'installs' }, 'why'),
    ).rejects.toMatchObject(late)
    expect(await castVote(tester(2), alias, { karma: 1, revision: 2 })).toBe(1)
  })
})

describe('revisions', () => {
  it('begin when builds change: votes stay readable, stop counting, days begin anew', async () => {
    const alias = await inTesting('hello-1-1', { stable_karma: 2, autokarma: false })
    app.clock.advance(8 * DAY_MS)
    await castVote(tester(2), alias, { karma: 1 })
    await castVote(tester(9), alias, { karma: 1 })
    await makeBuild(app, 'hello-2-1')
    const row = await editUpdate(packager, alias, { builds: ['hello-2-1'] })
    expect(row).toMatchObject({
      revision: 2,
      status: 'pending',
      request: 'testing',
      title: 'hello-2-1',
    })
    expect(row.testing_at).toBeNull()
    const view = await viewUpdate(packager, alias)
    expect(view.karma).toBe(0)
    expect(view.votes).toHaveLength(2)
    await asPushed(app, alias, 'testing')
    expect(await waits(alias)).toContain('update.minimum-hours')
    expect(await castVote(tester(2), alias, { karma: 1 })).toBe(1)
  })

  it('drop from a list what an edit leaves out, and keep what it does not name', async () => {
    const bugs = [7, 8].map((n) => ({ url: `https://bugs.example/${n}` }))
    const testcases = [{ name: 'boots' }, { name: 'prints' }]
    const cves = ['CVE-2026-1000', 'CVE-2026-2000']
    const alias = await inTesting('hello-1-1', { bugs, testcases, cves })
    const edit = updateEdit.parse({ bugs: [bugs[1]], testcases: [], cves: ['CVE-2026-2000'] })
    await editUpdate(packager, alias, edit)
    const view = await viewUpdate(packager, alias)
    expect(view.bugs.map(({ url }) => url)).toEqual(['https://bugs.example/8'])
    expect(view.testcases).toEqual([])
    expect(view.cves).toEqual(['CVE-2026-2000'])
    await editUpdate(packager, alias, updateEdit.parse({ cves: [] }))
    const after = await viewUpdate(packager, alias)
    expect([after.cves, after.bugs.length]).toEqual([[], 1])
  })

  it('refuse what can’t be changed, by name', async () => {
    expect(updateEdit.safeParse({ status: 'stable' }).error?.issues[0]).toMatchObject({
      code: 'unrecognized_keys',
      keys: ['status'],
    })
    const alias = await inTesting()
    await asPushed(app, alias, 'stable')
    await expect(editUpdate(packager, alias, { title: 'Another' })).rejects.toMatchObject({
      details: { field: 'title', reasons: [{ code: 'update.status' }] },
    })
  })

  it('do not begin for text', async () => {
    const alias = await inTesting()
    await castVote(tester(2), alias, { karma: 1 })
    await editUpdate(packager, alias, { notes: 'Better words.', builds: ['hello-1-1'] })
    expect(await getUpdate(packager, alias)).toMatchObject({ revision: 1, status: 'testing' })
    expect(await karma(alias)).toBe(1)
  })
})
