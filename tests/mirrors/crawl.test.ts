/** When a mirror leaves the list and when it comes back: rules, with a clock that the test commands. */
import { describe, expect, it } from 'vitest'
import { HOUR_MS, MINUTE_MS } from '../../src/kernel/clock.ts'
import {
  FRESH_IPV4,
  FRESH_IPV6,
  incidentBegins,
  judgeGeneration,
  LEAVE_AFTER_MS,
  type Look,
  nextState,
  type RepositoryState,
} from '../../src/mirrors/crawl.ts'
import { holdOf } from '../../src/mirrors/mirror.ts'

const look = (outcome: Look['outcome'], family: 4 | 6 = 4): Look => ({
  ...{ family, outcome, took_ms: 1, generation_id: outcome === 'fresh' ? 7 : 0 },
  ...(outcome !== 'fresh' && { reason: { code: `mirror.${outcome}`, params: {} } }),
})

/** States after crawls at these minutes. */
function crawl(steps: [minute: number, outcome: Look['outcome']][]): RepositoryState {
  let state: RepositoryState | undefined
  for (const [minute, outcome] of steps)
    state = nextState(state, [look(outcome)], minute * MINUTE_MS)
  if (!state) throw new Error('no steps')
  return state
}

describe('hysteresis', () => {
  it('lists a mirror at its first success and never before', () => {
    expect(crawl([[0, 'down']]).listed).toBe(false)
    expect(crawl([[0, 'fresh']])).toMatchObject({ listed: true, fresh: FRESH_IPV4, fresh_at: 0 })
  })

  it('takes three failures over two hours to leave, and one success to come back', () => {
    const many: [number, Look['outcome']][] = [10, 20, 30, 40, 60, 120].map((at) => [at, 'down'])
    expect(crawl([[0, 'fresh'], ...many])).toMatchObject({ listed: true, failures: 6, fresh: 1 })
    expect(
      crawl([
        [0, 'fresh'],
        [1, 'down'],
        [200, 'down'],
      ]).listed,
    ).toBe(true)
    const out = crawl([
      [0, 'fresh'],
      [10, 'down'],
      [20, 'slow'],
      [130, 'stale'],
    ])
    expect(out).toMatchObject({ listed: false, fresh: 0, failures: 3, fresh_at: 0 })
    const back = nextState(out, [look('fresh')], 140 * MINUTE_MS)
    expect(back).toMatchObject({ listed: true, failures: 0, failing_since: null })
    expect(LEAVE_AFTER_MS).toBe(2 * HOUR_MS)
  })

  it('counts from the last success', () => {
    const state = crawl([
      [0, 'fresh'],
      [10, 'down'],
      [60, 'down'],
      [100, 'fresh'],
      [110, 'down'],
      [140, 'down'],
    ])
    expect(state).toMatchObject({ listed: true, failures: 2, failing_since: 110 * MINUTE_MS })
  })

  it('drops at once what is none of our files', () => {
    expect(
      crawl([
        [0, 'fresh'],
        [10, 'corrupt'],
      ]),
    ).toMatchObject({ listed: false, fresh: 0 })
  })

  it('keeps families apart', () => {
    const state = nextState(undefined, [look('down', 4), look('fresh', 6)], 0)
    expect(state).toMatchObject({ listed: true, fresh: FRESH_IPV6, outcome: 'fresh' })
    expect(state.reason?.code).toBe('mirror.down')
  })

  it('begins an incident once', () => {
    const at = (listed: boolean, fresh_at: number | null) => ({ listed, fresh_at })
    expect(incidentBegins([at(true, 1), at(true, 1)], [at(false, 1), at(true, 1)])).toBe(true)
    expect(incidentBegins([at(false, 1), at(true, 1)], [at(false, 1), at(false, 1)])).toBe(false)
    expect(incidentBegins([at(false, null)], [at(false, null)])).toBe(false)
  })
})

describe('metadata', () => {
  const published = [3, 2, 1].map((id) => ({
    id,
    push_id: id,
    sha256: String(id),
    published_at: id * HOUR_MS,
  }))
  it('is fresh, late by so much, or none of ours', () => {
    const judge = (id: number) =>
      judgeGeneration(
        published,
        published.find((g) => g.id === id),
        5 * HOUR_MS,
      )
    expect(judge(3)).toEqual({ outcome: 'fresh', generation_id: 3 })
    // Generation 1 was the newest until 2 came out at hour 2.
    expect(judge(1)).toMatchObject({
      outcome: 'stale',
      reason: { params: { late_minutes: 180, pushes: 2 } },
    })
    expect(judge(9)).toMatchObject({ outcome: 'corrupt', generation_id: 0 })
  })
})

describe("an owner's word", () => {
  const host = {
    state: 'active' as const,
    proved_at: 1,
    maintenance_from: 100,
    maintenance_until: 200,
  }
  it('beats any crawl', () => {
    expect([99, 100, 199, 200].map((at) => holdOf(host, at))).toEqual([
      undefined,
      'maintenance',
      'maintenance',
      undefined,
    ])
    expect(holdOf({ ...host, state: 'paused' }, 150)).toBe('paused')
    expect(holdOf({ ...host, proved_at: null }, 0)).toBe('unproved')
  })
})
