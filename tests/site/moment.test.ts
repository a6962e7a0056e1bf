import { describe, expect, it } from 'vitest'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/clock.ts'
import { exact, relative, span } from '../../src/site/moment.ts'
import { splitNvr } from '../../src/site/nvr.ts'

const now_ms = Date.UTC(2026, 10, 22, 14, 3, 59)

describe('a moment', () => {
  it.each([
    [0, 'now'],
    [-59_000, '59 seconds ago'],
    [-HOUR_MS + 1, '59 minutes ago'],
    [-3 * HOUR_MS, '3 hours ago'],
    [-DAY_MS, 'yesterday'],
    [2 * DAY_MS, 'in 2 days'],
    [-400 * DAY_MS, 'last year'],
  ])('%i ms from now reads %s', (distance_ms, text) => {
    expect(relative(now_ms + distance_ms, now_ms, 'en')).toBe(text)
  })

  it('is exact to the minute, in UTC', () => {
    expect(exact(now_ms)).toBe('2026-11-22 14:03 UTC')
  })

  it.each([
    [0, '0 sec'],
    [4 * MINUTE_MS + 12_400, '4 min, 12 sec'],
    [HOUR_MS, '1 hr'],
    [26 * HOUR_MS + 5 * MINUTE_MS, '1 day, 2 hr'],
  ])('a span of %i ms reads %s', (length_ms, text) => {
    expect(span(length_ms, 'en')).toBe(text)
  })
})

describe('an NVR', () => {
  it('splits at the last two hyphens', () => {
    expect(splitNvr('python-charset-normalizer-3.4.1-1.kl10')).toEqual({
      name: 'python-charset-normalizer',
      version: '3.4.1',
      release: '1.kl10',
    })
  })
  it('stays whole when it is none', () => {
    expect(splitNvr('half-done')).toEqual({ name: 'half-done', version: '', release: '' })
  })
})
