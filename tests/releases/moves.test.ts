/** The life of a release: the rule, and the verb behind form, API and command on a migrated database. */
import { beforeEach, describe, expect, it } from 'vitest'
import { grantRole } from '../../src/accounts/admins.ts'
import { getRelease, setReleaseState } from '../../src/distribution/releases.ts'
import { DAY_MS } from '../../src/kernel/clock.ts'
import type { ReleaseState } from '../../src/kernel/distribution.ts'
import { PortalError } from '../../src/kernel/errors.ts'
import { decideRelease } from '../../src/releases/decisions.ts'
import { syncMilestones } from '../../src/releases/milestones.ts'
import {
  type LifeFacts,
  movesAgainst,
  releaseStates,
  supportPhase,
} from '../../src/releases/move.ts'
import { lifeOf, moveRelease } from '../../src/releases/moves.ts'
import { Browser, join } from '../accounts/support.ts'
import { prepareRelease, RELEASE } from '../support/builds.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

const facts = (change: Partial<LifeFacts> = {}): LifeFacts => ({
  ...{ state: 'pending', was_out: false, decision: undefined },
  ...{ maintenance_until: '2037-05-31', today: '2027-03-09' },
  ...change,
})
const against = (change: Partial<LifeFacts>, to: ReleaseState) =>
  movesAgainst(facts(change), to).map(({ code }) => code)

describe('the rule', () => {
  it('has one way forward, and no step is left out', () => {
    const free = (change: Partial<LifeFacts>) =>
      releaseStates.filter((to) => movesAgainst(facts(change), to).length === 0)
    expect(free({})).toEqual(['frozen'])
    expect(free({ state: 'frozen', decision: 'go' })).toEqual(['pending', 'current'])
    expect(free({ state: 'current', was_out: true })).toEqual(['frozen'])
    expect(free({ state: 'archived', was_out: true })).toEqual(['current'])
    expect(against({}, 'archived')).toEqual(['release.no-way'])
    expect(against({}, 'pending')).toEqual(['release.same-state'])
  })

  it('lets a release out by a go only, and out of a later freeze without one', () => {
    expect(against({ state: 'frozen' }, 'current')).toEqual(['release.undecided'])
    const no = { state: 'frozen', decision: 'no-go' } as const
    expect(against(no, 'current')).toEqual(['release.decided-no-go'])
    expect(against({ ...no, was_out: true }, 'current')).toEqual([])
  })

  it('makes none pending again that people have', () => {
    expect(against({ state: 'frozen', was_out: true }, 'pending')).toEqual(['release.was-out'])
  })

  it('keeps the day until which fixes are promised, that day included', () => {
    const out = { state: 'current', was_out: true } as const
    const on = (today: string) => against({ ...out, today }, 'archived')
    expect(on('2037-05-31')).toEqual(['release.promised'])
    expect(on('2037-06-01')).toEqual([])
    expect(against({ ...out, maintenance_until: undefined }, 'archived')).toEqual([])
  })

  it('says what support there is today', () => {
    const phase = (today: string, change: Partial<LifeFacts> = {}, support = '2032-05-31') =>
      supportPhase({ ...facts({ state: 'current', ...change, today }), support_until: support })
    expect(phase('2032-05-31')).toBe('full')
    expect(phase('2032-06-01')).toBe('maintenance')
    expect(phase('2037-06-01')).toBe('ended')
    expect(phase('2027-01-01', { state: 'frozen' })).toBe('not-out')
    expect(phase('2027-01-01', { state: 'frozen', was_out: true })).toBe('full')
    expect(phase('2027-01-01', { state: 'archived', was_out: true })).toBe('ended')
    const days = { support_until: undefined, maintenance_until: undefined }
    expect(supportPhase({ ...facts({ state: 'current' }), ...days })).toBe('unknown')
  })
})

describe('on a portal', () => {
  let app: TestApp
  beforeEach(async () => {
    app = await testApp()
    await prepareRelease(app)
    await syncMilestones(ctxOf(app))
    return () => app.end()
  })

  const admin = () => ctxOf(app, personActor(9, 'root', ['member', 'admin']))
  const move = (state: ReleaseState, reason = 'by plan') =>
    moveRelease(admin(), RELEASE, { state, reason })
  const refusal = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error) => (error instanceof PortalError ? error : Promise.reject(error)),
    )
  const codes = async (work: Promise<unknown>) =>
    (await refusal(work))?.details.reasons?.map(({ code }) => code)

  it('goes its whole life, each step with who, when and why', async () => {
    await move('frozen', 'beta freeze')
    expect(await codes(move('current'))).toEqual(['release.undecided'])
    const go = { milestone: 'go-no-go', decision: 'go' as const, reason: 'it works' }
    await decideRelease(admin(), RELEASE, { ...go, in_spite: true })
    app.clock.advance(DAY_MS)
    await move('current', 'out')
    expect(await codes(move('archived'))).toEqual(['release.promised'])
    const { changes, release, support } = await lifeOf(ctxOf(app), RELEASE)
    expect(changes).toEqual([
      { from: 'frozen', state: 'current', by: 'person:root', reason: 'out', at: app.clock.now() },
      expect.objectContaining({ from: 'pending', state: 'frozen', reason: 'beta freeze' }),
    ])
    expect(release).toMatchObject({ state: 'current', state_since: app.clock.now() })
    expect(support).toBe('full')
  })

  it('is moved by administrators only, with a reason, to a release that exists', async () => {
    const ann = ctxOf(app, personActor(1, 'ann', ['member', 'packager']))
    const input = { state: 'frozen' as const, reason: 'x' }
    expect((await refusal(moveRelease(ann, RELEASE, input)))?.code).toBe('account.forbidden')
    const narrow = { ...personActor(9, 'root', ['member', 'admin']), scopes: ['read' as const] }
    const token = await refusal(moveRelease(ctxOf(app, narrow), RELEASE, input))
    expect(token?.code).toBe('account.scope-missing')
    expect((await refusal(move('frozen', '  ')))?.details.field).toBe('reason')
    expect((await refusal(move('frozen', 'x'.repeat(2001))))?.details.field).toBe('reason')
    expect((await refusal(moveRelease(admin(), 'keel99', input)))?.code).toBe('not-found')
    expect((await getRelease(app.db, RELEASE)).state).toBe('pending')
  })

  it('is not moved from where it is no longer', async () => {
    await setReleaseState(admin(), RELEASE, 'frozen', 'quicker')
    const late = setReleaseState(admin(), RELEASE, 'frozen', 'slower', 'pending')
    expect(await codes(late)).toEqual(['release.moved-meanwhile'])
    const both = await Promise.all([refusal(move('pending')), refusal(move('pending'))])
    expect(both.filter((each) => each === undefined)).toHaveLength(1)
  })

  it('answers the same to forms and programs', async () => {
    const wharf = await join(app, 'wharf')
    const form = { form: 'state', state: 'frozen', reason: 'beta freeze' }
    const path = `/releases/${RELEASE}/state`
    expect((await wharf.post(path, form)).flash?.kind).toBe('error')
    await grantRole(ctxOf(app), { username: 'wharf', role: 'admin', reason: 'runs the host' })
    expect(await wharf.post(path, form)).toMatchObject({
      status: 303,
      to: `/releases/${RELEASE}#life`,
      flash: { kind: 'done' },
    })
    const again = await wharf.post(path, form)
    expect(again.flash).toMatchObject({ kind: 'error', field: 'state' })
    expect(again.flash?.sentence).toContain('frozen already')
    const unknown = await wharf.post(path, { ...form, state: 'sunk' })
    expect(unknown.flash).toMatchObject({
      kind: 'error',
      field: 'state',
      values: { ...form, state: 'sunk' },
    })
    const said = await (await new Browser(app).get(`/api/releases/${RELEASE}`)).json()
    expect(said).toMatchObject({
      ...{ state: 'frozen', support: 'not-out', maintenance_until: '2037-05-31' },
      changes: [{ by: 'person:wharf', from: 'pending', reason: 'beta freeze', state: 'frozen' }],
    })
    const out = said.moves.find(({ state }: { state: string }) => state === 'current')
    expect(out.against).toMatchObject([{ code: 'release.undecided' }])
    const answer = await wharf.json('POST', `/api/releases/${RELEASE}/state`, {
      ...{ state: 'current', reason: 'now' },
    })
    expect(answer.status).toBe(409)
    expect(await answer.json()).toMatchObject({
      code: 'release.refused',
      field: 'state',
      reasons: [{ code: 'release.undecided' }],
    })
    expect((await new Browser(app).get('/api/releases/keel99')).status).toBe(404)
  })
})
