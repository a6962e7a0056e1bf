/**
 * A portal in company: other programs that hold the database, clocks that differ, listeners by the thousand, facts
 * that nobody can act on, and what is forgotten.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { dialect } from '../../db/columns.ts'
import { audit_entry, event, mail } from '../../db/schema/kernel.ts'
import { task } from '../../db/schema/tasks.ts'
import { giveAgain, listAside } from '../../src/kernel/aside.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/clock.ts'
import { EventFeed } from '../../src/kernel/event-feed.ts'
import { must } from '../../src/kernel/must.ts'
import { emit } from '../../src/kernel/outbox.ts'
import { forgetEvents, forgetMail } from '../../src/kernel/retention.ts'
import { deliver, deliverAgain, marksOf, type Subscriber } from '../../src/kernel/subscribers.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { createPortal } from '../../src/portal.ts'
import { claimTask, reapLease, reapLeases, renewLease } from '../../src/tasks/leases.ts'
import { findTask } from '../../src/tasks/queries.ts'
import { forgetTasks } from '../../src/tasks/retention.ts'
import { createTask } from '../../src/tasks/tasks.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'
import { until } from '../support/until.ts'

let app: TestApp
beforeEach(async () => {
  app = await testApp()
})
afterEach(async () => {
  vi.restoreAllMocks()
  await app.end()
})

const system = () => ctxOf(app)
const happened = (type: string, times = 1) =>
  transaction(system(), async (tx) => {
    for (let at = 0; at < times; at++) await emit(tx, system(), type, `thing:${at}`)
  })
const lastEvent = async () => {
  const rows = await app.db.select().from(event)
  return Math.max(0, ...rows.map(({ id }) => id))
}

describe.skipIf(dialect !== 'sqlite')('a foreign lock on the database file', () => {
  it('keeps writers waiting and nobody else: the loop turns, readers read', async () => {
    const other = new Sqlite(join(app.config.data_dir, 'slipway.db'))
    other.exec('begin immediate')
    let written = false
    const writing = happened('thing.made').then(() => {
      written = true
    })
    let longest_ms = 0
    for (const end = performance.now() + 1500; performance.now() < end; ) {
      const before = performance.now()
      await sleep(5)
      await app.db.$count(event)
      longest_ms = Math.max(longest_ms, performance.now() - before)
    }
    expect(written).toBe(false)
    // 15 s before; a busy machine takes its part of this.
    expect(longest_ms).toBeLessThan(500)
    other.exec('rollback')
    other.close()
    await writing
    expect(await app.db.$count(event)).toBe(1)
  })
})

describe('a lease', () => {
  async function claimed() {
    const made = { method: 'x', label: 'x', payload: {}, channel: 'c', arch: 'noarch' }
    await transaction(system(), (tx) => createTask(tx, system(), made))
    return must(await claimTask(app, { name: 'worker:1', channels: ['c'], arches: ['noarch'] }))
  }

  it('is not touched by a host whose clock is hours ahead or behind', async () => {
    const { id } = await claimed()
    for (const hours of [1, -1]) {
      const clock = { now: () => app.clock.now() + hours * HOUR_MS }
      expect(await reapLeases(ctxOf({ ...app, clock }))).toBe(0)
    }
    expect(await findTask(app.db, id)).toMatchObject({ claimed_by: 'worker:1' })
  })

  it('that was renewed since the reaper looked stays with its holder', async () => {
    const seen = await claimed()
    // Renewed within the same millisecond it would be the same lease.
    app.clock.advance(5)
    expect(await renewLease(app, seen.id, must(seen.lease))).toBe(true)
    expect(await reapLease(system(), seen)).toBe('lost')
    expect(await findTask(app.db, seen.id)).toMatchObject({ lease: seen.lease })
    expect(await reapLease(system(), must(await findTask(app.db, seen.id)))).toBe('again')
    expect(await renewLease(app, seen.id, must(seen.lease))).toBe(false)
  })
})

describe('streams', () => {
  const open = (feed: EventFeed, address: string) => feed.open(address, {}, undefined)
  const later = (ms: number) => {
    const now = performance.now()
    vi.spyOn(performance, 'now').mockImplementation(() => now + ms)
  }

  it('are bounded by address and in all; the oldest idle one goes first, and is told when to come back', async () => {
    const feed = new EventFeed(app, { per_address: 2, in_all: 3 })
    const first = (await open(feed, 'a')).getReader()
    await open(feed, 'a')
    await expect(open(feed, 'a')).rejects.toMatchObject({ code: 'events.too-many-here' })
    await open(feed, 'b')
    await expect(open(feed, 'c')).rejects.toMatchObject({ code: 'events.full' })
    later(MINUTE_MS)
    await open(feed, 'a')
    expect(feed.size).toBe(3)
    let said = ''
    for (let end = false; !end; ) {
      const { done, value } = await first.read()
      end = done
      if (value) said += new TextDecoder().decode(value)
    }
    expect(said).toContain('retry: 30000')
    await open(feed, 'c')
    expect(feed.size).toBe(3)
    feed.close()
    expect(feed.size).toBe(0)
  })

  it('are fed by one look for all, whoever many listen', async () => {
    let looks = 0
    const counting = new Proxy(app.db, {
      get(target, key) {
        if (key === 'select') looks++
        const value = Reflect.get(target, key)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const feed = new EventFeed({ ...app, db: counting }, { per_address: 1000, in_all: 1000 })
    const readers = []
    for (let at = 0; at < 300; at++) readers.push((await open(feed, 'a')).getReader())
    looks = 0
    await happened('thing.made', 3)
    for (const reader of readers) {
      let said = ''
      while (!said.includes('thing:2'))
        said += new TextDecoder().decode((await reader.read()).value ?? new Uint8Array())
    }
    // A look each quarter of a second, while a loaded machine hands out 900 frames.
    expect(looks).toBeLessThan(100)
    feed.close()
  })
})

describe('what is forgotten', () => {
  const subscriber = { name: 'reader', types: ['thing.'], handle: async () => {} }

  it('is old and seen by all; a cursor from before gets 410 with the oldest one, no gap', async () => {
    await happened('thing.made', 3)
    app.clock.advance(91 * DAY_MS)
    expect(await forgetEvents(app, [subscriber])).toBe(0)
    await deliver(app, subscriber)
    await happened('thing.made', 2)
    expect(await forgetEvents(app, [subscriber])).toBe(3)
    const portal = createPortal(app)
    const gone = await portal.request('/api/events?since=1')
    expect(gone.status).toBe(410)
    expect(await gone.json()).toMatchObject({ code: 'events.gone', oldest: 4 })
    const next = await portal.request('/api/events?since=3')
    const { items } = (await next.json()) as { items: { id: number }[] }
    expect(items.map(({ id }) => id)).toEqual([4, 5])
    const stream = await portal.request('/api/events', { headers: { 'Last-Event-ID': '1' } })
    expect(stream.status).toBe(410)
  })

  it('are letters that went out, and trees of tasks whose root ended, each after its term', async () => {
    const letter = { to: 'a@example.org', subject: 's', body: '', created_at: 0, not_before: 0 }
    await transaction(system(), async (tx) => {
      const sent_at = app.clock.now()
      await tx.insert(mail).values({ ...letter, message_id: 'sent', sent_at })
      await tx.insert(mail).values({ ...letter, message_id: 'waits' })
      const made = { method: 'x', label: 'x', payload: {} }
      const root = await createTask(tx, system(), made)
      await createTask(tx, system(), { ...made, parent_id: root.id })
      await createTask(tx, system(), made)
      await tx.update(task).set({ state: 2, ended_at: sent_at }).where(eq(task.id, root.id))
    })
    app.clock.advance(29 * DAY_MS)
    expect(await forgetMail(app)).toBe(0)
    app.clock.advance(2 * DAY_MS)
    expect(await forgetMail(app)).toBe(1)
    expect(await forgetTasks(system())).toBe(0)
    app.clock.advance(366 * DAY_MS)
    expect(await forgetTasks(system())).toBe(1)
    expect(await app.db.$count(task)).toBe(1)
    expect((await app.db.select().from(mail)).map((row) => row.message_id)).toEqual(['waits'])
  })
})

describe('a fact that its subscriber cannot act on', () => {
  it('is tried again, goes aside with its reason, holds nobody up, and is given again', async () => {
    const seen: string[] = []
    let mended = false
    const subscriber: Subscriber = {
      name: 'reader',
      types: ['thing.'],
      handle: async (_tx, _ctx, fact) => {
        if (fact.subject === 'thing:0' && !mended) throw new Error('it is poisoned')
        seen.push(fact.subject)
      },
    }
    await happened('thing.made', 2)
    await until('it went aside', async () => {
      await deliver(app, subscriber)
      app.clock.advance(MINUTE_MS)
      return (await listAside(app.db)).length > 0
    })
    await deliver(app, subscriber)
    expect(seen).toEqual(['thing:1'])
    const portal = createPortal(app)
    const status = (await (await portal.request('/api/status')).json()) as { parts: unknown[] }
    expect(JSON.stringify(status)).toContain('events')
    const [row] = await listAside(app.db)
    expect(row).toMatchObject({ subscriber: 'reader', attempts: 5, error: 'it is poisoned' })
    const member = ctxOf(app, personActor(1, 'ann'))
    await expect(giveAgain(member, must(row).id)).rejects.toMatchObject({
      code: 'account.forbidden',
    })
    mended = true
    await giveAgain(system(), must(row).id)
    expect(await deliverAgain(app, [subscriber])).toBe(1)
    expect(seen).toEqual(['thing:1', 'thing:0'])
    expect(await listAside(app.db)).toEqual([])
    expect(await app.db.$count(audit_entry, eq(audit_entry.action, 'event.given-again'))).toBe(1)
  })

  it('is not looked at twice: the mark moves over what does not concern a subscriber', async () => {
    const subscriber: Subscriber = { name: 'deaf', types: ['none.'], handle: async () => {} }
    await happened('thing.made', 5)
    await deliver(app, subscriber)
    expect((await marksOf(app.db)).get('deaf')).toBe(await lastEvent())
  })
})
