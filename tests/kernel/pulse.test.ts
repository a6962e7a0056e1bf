/** Who waits for news is woken when something was committed, and costs one look for all meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { emit } from '../../src/kernel/events.ts'
import { Pulse, pulseOf } from '../../src/kernel/pulse.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
beforeEach(async () => {
  app = await testApp()
})
afterEach(() => app.end())

const commit = () => transaction({ app }, (tx) => emit(tx, ctxOf(app), 'a.fact', 'a:1'))
const LONG_MS = 20_000

/** How long one waited. */
async function waited(pulse: Pulse, seen: number): Promise<number> {
  const began = performance.now()
  await pulse.wait(seen, LONG_MS)
  return performance.now() - began
}

it('wakes all who wait when something is committed', async () => {
  const pulse = pulseOf(app)
  // The first look is always news.
  await pulse.wait(pulse.seen, LONG_MS)
  const waiting = [waited(pulse, pulse.seen), waited(pulse, pulse.seen)]
  await commit()
  for (const took_ms of await Promise.all(waiting)) expect(took_ms).toBeLessThan(LONG_MS / 2)
})

it('wakes who looked before the commit and waits after it', async () => {
  const pulse = pulseOf(app)
  await pulse.wait(pulse.seen, LONG_MS)
  const { seen } = pulse
  await commit()
  await sleep(200)
  expect(await waited(pulse, seen)).toBeLessThan(LONG_MS / 2)
})

it('tells what was committed while nobody looked', async () => {
  let word = 'one'
  const pulse = new Pulse()
  const look = async () => {
    const end = new AbortController()
    const running = pulse.run({ pulse: async () => word }, end.signal)
    await sleep(100)
    const { seen } = pulse
    end.abort()
    await running
    return seen
  }
  await look()
  const quiet = pulse.seen
  expect(await look()).toBe(quiet)
  const before = pulse.seen
  word = 'another'
  expect(await look()).toBe(before + 1)
})

it('asks the database once a tick, however many wait', async () => {
  let looks = 0
  const database = { pulse: async () => `${looks++ && 'same'}` }
  const pulse = new Pulse()
  const end = new AbortController()
  const running = pulse.run(database, end.signal)
  const waiting = Array.from({ length: 50 }, () => pulse.wait(pulse.seen, 400))
  await Promise.all(waiting)
  end.abort()
  await running
  expect(looks).toBeLessThan(20)
})
