import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { limits } from '../../src/accounts/limit.ts'
import { takeTry } from '../../src/accounts/limits.ts'
import { addressKey } from '../../src/kernel/address.ts'
import { MINUTE_MS } from '../../src/kernel/clock.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'

describe('who an address counts as', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::ffff', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ])('%s is %s', (address, key) => {
    expect(addressKey(address)).toBe(key)
  })
})

describe('tries', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await testApp()
  })
  afterAll(() => app.end())

  it('end at the limit of an account, from wherever they come, and begin anew with the window', async () => {
    const limit = limits['log-in.account']
    const from = (n: number) => ({ ...ctxOf(app), address: `192.0.2.${n}` })
    for (let n = 0; n < limit.tries; n++) await takeTry(from(n), 'log-in', 'marie')
    await expect(takeTry(from(99), 'log-in', 'marie')).rejects.toMatchObject({
      code: 'rate.limited',
      details: { params: { wait_s: limit.window_ms / 1000 } },
    })
    await takeTry(from(99), 'log-in', 'tomas')
    app.clock.advance(limit.window_ms)
    await takeTry(from(99), 'log-in', 'marie')
  })

  it('end at the limit of an address, at whatever account', async () => {
    const ctx = { ...ctxOf(app), address: '2001:db8::1' }
    const neighbour = { ...ctxOf(app), address: '2001:db8::2' }
    const tries = limits['log-in.address'].tries
    for (let n = 0; n < tries; n++) await takeTry(n % 2 ? ctx : neighbour, 'log-in', `who${n}`)
    await expect(takeTry(ctx, 'log-in', 'other')).rejects.toThrow('rate.limited')
  })

  it('made at once are all counted', async () => {
    app.clock.advance(60 * MINUTE_MS)
    const tries = limits['sign-up.account'].tries
    const outcomes = await Promise.allSettled(
      Array.from({ length: tries + 5 }, () => takeTry(ctxOf(app), 'sign-up', 'x@example.org')),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(tries)
  })
})
