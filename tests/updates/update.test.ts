/** The rules of an update, each with its reason: pure, by a clock that the test sets. */
import { describe, expect, it } from 'vitest'
import { DAY_MS, HOUR_MS } from '../../src/kernel/clock.ts'
import {
  autopushDue,
  isHeldForSponsor,
  isUnstable,
  mayGoStable,
  mayGoTesting,
  requestAllowed,
  type UpdateFacts,
} from '../../src/updates/update.ts'

const NOW = Date.UTC(2026, 0, 20)

const build = (nvr: string, version: string, stable: string | null = null) => ({
  nvr,
  evr: { epoch: 0, version, release: '1' },
  complete: true,
  stable: stable ? { nvr: `${stable}`, evr: { epoch: 0, version: stable, release: '1' } } : null,
})

/** An update that lacks nothing: three days in testing, karma 3 of 3. */
const ready = (change: Partial<UpdateFacts> = {}): UpdateFacts => ({
  now: NOW,
  status: 'testing',
  testing_at: NOW - 3 * DAY_MS,
  karma: 3,
  stable_karma: 3,
  unstable_karma: -3,
  critical: false,
  autokarma: true,
  autotime: true,
  autopush_stopped: false,
  policy: {
    testing_days: 7,
    testing_days_critical: 14,
    testing_hours_minimum: 24,
    stable_karma: 3,
    stable_karma_floor: 2,
    unstable_karma: -3,
    newcomer_updates: 3,
  },
  release_state: 'current',
  excepted: false,
  held: false,
  gates: [],
  bugs: [],
  testcases: [],
  builds: [build('hello-2-1', '2')],
  ...change,
})

const codes = (facts: UpdateFacts) => mayGoStable(facts).map((each) => each.code)

describe('stable', () => {
  it('is open to an update that lacks nothing', () => {
    expect(mayGoStable(ready())).toEqual([])
  })

  it('needs testing first, and says so alone', () => {
    expect(codes(ready({ status: 'pending', testing_at: null, karma: 0 }))).toEqual([
      'update.not-in-testing',
    ])
  })

  it('needs karma or days: names what it has and what it needs', () => {
    expect(mayGoStable(ready({ karma: 2 }))).toEqual([
      {
        code: 'update.karma-or-days',
        params: { karma: 2, need_karma: 3, days: 3, need_days: 7 },
      },
    ])
  })

  it('takes days in place of karma, to the millisecond', () => {
    expect(codes(ready({ karma: 0, testing_at: NOW - 7 * DAY_MS }))).toEqual([])
    expect(codes(ready({ karma: 0, testing_at: NOW - 7 * DAY_MS + 1 }))).toEqual([
      'update.karma-or-days',
    ])
  })

  it('takes twice the days for a critical package', () => {
    const facts = ready({ karma: 0, critical: true, testing_at: NOW - 13 * DAY_MS })
    expect(codes(facts)).toEqual(['update.karma-or-days'])
    expect(codes({ ...facts, testing_at: NOW - 14 * DAY_MS })).toEqual([])
  })

  it('needs a day in testing whatever the karma, since -1 votes arrive after the push', () => {
    expect(codes(ready({ karma: 50, testing_at: NOW - 24 * HOUR_MS + 1 }))).toEqual([
      'update.minimum-hours',
    ])
    expect(codes(ready({ karma: 50, testing_at: NOW - 24 * HOUR_MS }))).toEqual([])
  })

  it('needs required checks to pass or be waived; others only show', () => {
    const gate = { check: 'installs', required: true, passed: false, waived: false, message: 'no' }
    expect(codes(ready({ gates: [gate] }))).toEqual(['update.gate'])
    expect(codes(ready({ gates: [{ ...gate, waived: true }] }))).toEqual([])
    expect(codes(ready({ gates: [{ ...gate, required: false }] }))).toEqual([])
    expect(codes(ready({ gates: [{ ...gate, passed: true }] }))).toEqual([])
  })

  it('needs net positive feedback on each required bug and test case', () => {
    const bug = { number: '17', required: true, net: 0 }
    const testcase = { name: 'boots', required: true, net: -1 }
    expect(codes(ready({ bugs: [bug], testcases: [testcase] }))).toEqual([
      'update.bug-feedback',
      'update.testcase-feedback',
    ])
    expect(
      codes(ready({ bugs: [{ ...bug, net: 1 }], testcases: [{ ...testcase, required: false }] })),
    ).toEqual([])
  })

  it('is closed while the release is frozen, but for exceptions, and for ever when archived', () => {
    expect(codes(ready({ release_state: 'frozen' }))).toEqual(['update.frozen'])
    expect(codes(ready({ release_state: 'frozen', excepted: true }))).toEqual([])
    expect(codes(ready({ release_state: 'archived', excepted: true }))).toEqual([
      'update.release-archived',
    ])
  })

  it('refuses a build older than what is stable, and lets the same again pass', () => {
    expect(codes(ready({ builds: [build('hello-2-1', '2', '10')] }))).toEqual([
      'update.older-than-stable',
    ])
    expect(codes(ready({ builds: [build('hello-2-1', '2', '2')] }))).toEqual([])
  })

  it('says everything that is missing at once', () => {
    const facts = ready({
      karma: 0,
      testing_at: NOW - HOUR_MS,
      release_state: 'frozen',
      gates: [{ check: 'x', required: true, passed: false, waived: false, message: '' }],
      builds: [build('hello-2-1', '2', '10')],
    })
    expect(codes(facts)).toEqual([
      'update.gate',
      'update.karma-or-days',
      'update.minimum-hours',
      'update.frozen',
      'update.older-than-stable',
    ])
  })
})

describe('testing', () => {
  const waiting = (change: Partial<UpdateFacts> = {}) =>
    mayGoTesting(ready({ status: 'pending', testing_at: null, ...change })).map(({ code }) => code)

  it('is not for one that waits for a sponsor', () => {
    expect(waiting({ held: true })).toEqual(['update.held'])
  })

  it.each([
    [{ sponsors: false, pushed: 2 }, true],
    [{ sponsors: false, pushed: 3 }, false],
    [{ sponsors: true, pushed: 0 }, false],
  ])('of three first updates holds one of %o: %s', (submitter, held) => {
    expect(isHeldForSponsor(submitter, { newcomer_updates: 3 })).toBe(held)
    expect(isHeldForSponsor(submitter, { newcomer_updates: 0 })).toBe(false)
  })

  it('is open to pending updates with complete builds', () => {
    expect(mayGoTesting(ready({ status: 'pending' }))).toEqual([])
    const half = { ...build('hello-2-1', '2'), complete: false }
    expect(mayGoTesting(ready({ status: 'pending', builds: [half] })).map((r) => r.code)).toEqual([
      'update.build-incomplete',
    ])
    expect(mayGoTesting(ready({ status: 'obsolete' }))).toHaveLength(1)
  })
})

describe('autopush', () => {
  it('goes by karma where the submitter wants it and all rules hold', () => {
    expect(autopushDue(ready())).toBe('karma')
    expect(autopushDue(ready({ autokarma: false }))).toBeUndefined()
    expect(autopushDue(ready({ testing_at: NOW - HOUR_MS }))).toBeUndefined()
  })

  it('goes by time where the submitter wants it', () => {
    const old = ready({ karma: 0, testing_at: NOW - 8 * DAY_MS })
    expect(autopushDue(old)).toBe('time')
    expect(autopushDue({ ...old, autotime: false })).toBeUndefined()
  })

  it('stays stopped after a -1', () => {
    expect(autopushDue(ready({ autopush_stopped: true }))).toBeUndefined()
  })
})

describe('unstable karma', () => {
  it('obsoletes at the limit, while votes count', () => {
    expect(isUnstable(ready({ karma: -3 }))).toBe(true)
    expect(isUnstable(ready({ karma: -2 }))).toBe(false)
    expect(isUnstable(ready({ karma: -3, status: 'stable' }))).toBe(false)
  })
})

describe('requests', () => {
  it('lets nothing out of stable and obsolete', () => {
    for (const request of ['testing', 'stable', 'unpush', 'revoke', 'obsolete'] as const) {
      expect(requestAllowed('stable', request)).toBe(false)
      expect(requestAllowed('obsolete', request)).toBe(false)
    }
    expect(requestAllowed('pending', 'stable')).toBe(false)
    expect(requestAllowed('unpushed', 'testing')).toBe(true)
  })
})
