/** The database's promises: all or nothing, one writer at a time, events in the order of commits. */
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mail } from '../../db/schema/kernel.ts'
import { SECOND_MS } from '../../src/kernel/clock.ts'
import { emit, eventsAfter } from '../../src/kernel/events.ts'
import { deliver, type Subscriber } from '../../src/kernel/subscribers.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { ctxOf, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
beforeAll(async () => {
  app = await testApp()
})
afterAll(() => app.end())

const row = (subject: string) => ({
  to: 'a@b.example',
  subject,
  body: '',
  message_id: subject,
  created_at: 0,
  not_before: 0,
})

describe('transaction', () => {
  it('undoes every write of a failed one and keeps those that ran beside it', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) =>
        transaction({ app }, async (tx) => {
          await tx.insert(mail).values(row(`group-${n}`))
          await new Promise((resolve) => setImmediate(resolve))
          if (n % 2 === 1) throw new Error('odd')
        }),
      ),
    )
    expect(outcomes.filter((each) => each.status === 'rejected')).toHaveLength(10)
    for (let n = 0; n < 20; n++)
      expect(await app.db.$count(mail, eq(mail.subject, `group-${n}`))).toBe(n % 2 === 0 ? 1 : 0)
  })

  it('lets exactly one of many conditional updates win', async () => {
    await transaction({ app }, (tx) => tx.insert(mail).values(row('race')))
    const wins = await Promise.all(
      Array.from({ length: 10 }, () =>
        transaction({ app }, async (tx) => {
          const claimed = await tx
            .update(mail)
            .set({ subject: 'race won' })
            .where(eq(mail.subject, 'race'))
            .returning()
          return claimed.length
        }),
      ),
    )
    expect(wins.reduce((sum, each) => sum + each, 0)).toBe(1)
  })
})

describe('events', () => {
  it('hands each fact to a subscriber once and in order, through failures', async () => {
    const seen: string[] = []
    let failures = 1
    const subscriber: Subscriber = {
      name: 'test',
      types: ['thing.'],
      async handle(_tx, _ctx, event) {
        if (event.subject === 'thing:3' && failures-- > 0) throw new Error('once')
        seen.push(event.subject)
      },
    }
    const ctx = ctxOf(app)
    for (let n = 1; n <= 5; n++)
      await transaction(ctx, (tx) => emit(tx, ctx, 'thing.made', `thing:${n}`))
    expect(await deliver(app, subscriber)).toBe(2)
    // It rests for a moment before it is tried again, and nothing passes it.
    expect(await deliver(app, subscriber)).toBe(0)
    app.clock.advance(SECOND_MS)
    expect(await deliver(app, subscriber)).toBe(3)
    expect(await deliver(app, subscriber)).toBe(0)
    expect(seen).toEqual(['thing:1', 'thing:2', 'thing:3', 'thing:4', 'thing:5'])
  })

  it('numbers facts of parallel writers so that a reader with a cursor misses none', async () => {
    const ctx = ctxOf(app)
    const [last] = (await eventsAfter(app.db, 0, {}, 1000)).slice(-1)
    const seen = new Set<number>()
    let cursor = last?.id ?? 0
    const writing = Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        transaction(ctx, async (tx) => {
          await tx.insert(mail).values(row(`parallel-${n}`))
          await emit(tx, ctx, 'parallel.made', `parallel:${n}`)
        }),
      ),
    )
    let finished = false
    void writing.then(() => {
      finished = true
    })
    for (;;) {
      const done = finished
      for (const each of await eventsAfter(app.db, cursor)) {
        seen.add(each.id)
        cursor = each.id
      }
      if (done) break
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(seen.size).toBe(60)
  })
})
