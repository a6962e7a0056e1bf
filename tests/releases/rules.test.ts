/** Rules of the way to a release: readiness and its reasons, milestones, decisions. Pure. */
import { describe, expect, it } from 'vitest'
import { reason } from '../../src/kernel/reason.ts'
import { mayDecide, mayGo } from '../../src/releases/blocker.ts'
import { daysBetween, standings } from '../../src/releases/milestone.ts'
import {
  countStates,
  type KnownBuild,
  type PackageFacts,
  percentStable,
  readinessOf,
} from '../../src/releases/readiness.ts'

const build = (change: Partial<KnownBuild> = {}): KnownBuild => ({
  ...{ nvr: 'bash-5.2-3.kl10', current: true, arches: ['x86_64'], tag: 'none', bootstrap: false },
  ...change,
})
const facts = (change: Partial<PackageFacts> = {}): PackageFacts => ({
  ...{ name: 'bash', wanted: '5.2-3.el10', builds: [], attempt: undefined, assigned: undefined },
  lacking: [],
  ...change,
})
const at = (change: Partial<PackageFacts>, arch = 'x86_64') => {
  const { state, reasons } = readinessOf(facts(change), arch)
  return [state, ...reasons.map(({ code }) => code)]
}
const waits = [reason('update.karma-or-days', { karma: 1 })]

describe('readiness of a package', () => {
  it('is stable when a current build for the arch is tagged stable, whatever else failed', () => {
    const builds = [build({ tag: 'none', nvr: 'newer' }), build({ tag: 'stable' })]
    expect(at({ builds, attempt: { nvr: 'x', state: 'failed' } })).toEqual(['stable'])
  })

  it('counts noarch packages for every arch, and others only for their own', () => {
    expect(at({ builds: [build({ tag: 'stable', arches: ['noarch'] })] }, 'aarch64')[0]).toBe(
      'stable',
    )
    const missing = at({ builds: [build({ tag: 'stable' })] }, 'aarch64')
    expect(missing).toEqual(['missing', 'readiness.no-arch', 'readiness.nobody'])
  })

  it('gives an update in testing with everything that it waits for', () => {
    const update = { alias: 'KEEL-1', status: 'testing' as const, waits_for: waits }
    expect(at({ builds: [build({ tag: 'testing', update })] })).toEqual([
      'testing',
      'readiness.in-testing',
      'update.karma-or-days',
    ])
  })

  it('tells a build without an update from one whose update is on its way, and from a seed', () => {
    expect(at({ builds: [build()] })).toEqual(['built', 'readiness.no-update'])
    const update = { alias: 'KEEL-1', status: 'pending' as const, waits_for: [] }
    expect(at({ builds: [build({ update })] })).toEqual(['built', 'readiness.update-pending'])
    expect(at({ builds: [build({ bootstrap: true })] })).toEqual(['built', 'readiness.next-push'])
  })

  it('gives the failing build with its own reason, and says when nobody takes care', () => {
    const why = reason('build.failed', { what: 'x' })
    const attempt = { nvr: 'bash-5.2-3.kl10', state: 'failed' as const, why }
    expect(at({ attempt })).toEqual([
      'missing',
      'readiness.build-failed',
      'build.failed',
      'readiness.nobody',
    ])
    expect(at({ attempt, assigned: 'ann' })).toEqual([
      'missing',
      'readiness.build-failed',
      'build.failed',
    ])
  })

  it('is missing while all builds are older than what upstream ships', () => {
    const builds = [build({ current: false, tag: 'stable' })]
    expect(at({ builds })).toEqual(['missing', 'readiness.older', 'readiness.nobody'])
    expect(at({})).toEqual(['missing', 'readiness.never-built', 'readiness.nobody'])
  })

  it('names what it is built with and lacks, and counts what does not fit into a sentence', () => {
    const lacking = ['cmake', 'ninja', 'zlib', 'perl', 'acl', 'attr', 'libxml2']
    const { reasons } = readinessOf(facts({ lacking }), 'x86_64')
    expect(reasons[1]).toEqual(
      reason('readiness.requirements', {
        count: 7,
        more: 2,
        names: 'cmake, ninja, zlib, perl, acl',
      }),
    )
    const builds = [build({ tag: 'stable' })]
    expect(at({ builds, lacking })).toEqual(['stable'])
  })

  it('never says 100 % while one lacks', () => {
    const states = [...Array<'stable'>(999).fill('stable'), 'missing' as const]
    expect(percentStable(countStates(states))).toBe(99)
    expect(percentStable(countStates([]))).toBe(0)
  })
})

describe('milestones', () => {
  it('count days over months and leap years, back and forth', () => {
    expect(daysBetween('2028-02-28', '2028-03-01')).toBe(2)
    expect(daysBetween('2026-03-01', '2026-02-28')).toBe(-1)
  })

  it('are late after their day, and the first open one of today or later is next', () => {
    const milestone = (date: string, reached_at: number | null = null) => ({ date, reached_at })
    const plan = [
      milestone('2026-01-01', 5),
      milestone('2026-01-02'),
      milestone('2026-01-05'),
      milestone('2026-02-01'),
    ]
    expect(standings(plan, '2026-01-05')).toEqual(['reached', 'late', 'next', 'later'])
  })
})

describe('decisions', () => {
  it('need votes, and go with them', () => {
    const codes = (votes: number[], decision: 'accepted' | 'rejected') =>
      mayDecide(votes, decision).map(({ code }) => code)
    expect(codes([1, 1], 'accepted')).toEqual(['blocker.votes-lack'])
    expect(codes([1, 1, -1], 'accepted')).toEqual([])
    expect(codes([1, 1, -1], 'rejected')).toEqual(['blocker.votes-against'])
    expect(codes([0, 0, 0], 'rejected')).toEqual([])
  })

  it('say all that stands against a go', () => {
    const facts = { open_blockers: 1, proposed: 2, missing: 3, total: 4 }
    expect(mayGo(facts).map(({ code }) => code)).toEqual([
      'release.open-blockers',
      'release.proposed-blockers',
      'release.not-ready',
    ])
    expect(mayGo({ open_blockers: 0, proposed: 0, missing: 0, total: 0 })).toHaveLength(1)
    expect(mayGo({ open_blockers: 0, proposed: 0, missing: 0, total: 9 })).toEqual([])
  })
})
