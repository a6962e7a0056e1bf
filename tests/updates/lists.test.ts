/** Updates in lists: the karma of many in one query is the karma of each by itself. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mayVoteOn, ownVote, remarksByRevision } from '../../src/site/updates/feedback.ts'
import { postComment } from '../../src/updates/comments.ts'
import { updateInput } from '../../src/updates/input.ts'
import {
  countOpenUpdates,
  summariesOfBuild,
  summariesOfPackage,
  summariseUpdates,
} from '../../src/updates/lists.ts'
import { editUpdate } from '../../src/updates/revisions.ts'
import { createUpdate, viewUpdate } from '../../src/updates/updates.ts'
import { castVote, withdrawVote } from '../../src/updates/votes.ts'
import { asPushed, makeBuild, prepareRelease } from '../support/builds.ts'
import { ctxOf, personActor, type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let plain: string
let revised: string
let build_id: number
beforeAll(async () => {
  app = await testApp()
  await prepareRelease(app)
  const packager = ctxOf(app, personActor(1, 'packer', ['member', 'packager']))
  const tester = (id: number) => ctxOf(app, personActor(id, `tester${id}`))
  const make = async (nvr: string) => {
    build_id = (await makeBuild(app, nvr)).id
    const input = updateInput.parse({ builds: [nvr], notes: 'Look.', type: 'bugfix' })
    return (await createUpdate(packager, input)).alias
  }
  plain = await make('hello-1-1')
  await asPushed(app, plain, 'testing')
  await castVote(tester(2), plain, { karma: 1, text: 'Works.' })
  app.clock.advance(1000)
  await castVote(tester(3), plain, { karma: 1 })
  await castVote(tester(4), plain, { karma: 1 })
  await withdrawVote(tester(4), plain)
  app.clock.advance(1000)
  await castVote(tester(2), plain, { karma: 0 })
  app.clock.advance(1000)
  await postComment(packager, plain, 'Thank you.')
  revised = await make('world-1-1')
  await castVote(tester(2), revised, { karma: -1, text: 'Broken.' })
  await makeBuild(app, 'world-1-2')
  app.clock.advance(1000)
  await editUpdate(packager, revised, { builds: ['world-1-2'] })
  await castVote(tester(3), revised, { karma: 1 })
  await make('quiet-1-1')
})
afterAll(() => app.end())

const view = (alias: string) => viewUpdate(ctxOf(app), alias)

describe('a list of updates', () => {
  it('gives each the karma that its page gives', async () => {
    const { items } = await summariseUpdates(ctxOf(app), { limit: 10 })
    const known = new Map(items.map(({ update, karma }) => [update.alias, karma]))
    expect(known.get(plain)).toBe(1)
    expect(known.get(revised)).toBe(1)
    expect([...known.values()].sort()).toEqual([0, 1, 1])
    for (const [alias, karma] of known) expect((await view(alias)).karma).toBe(karma)
  })

  it('is narrowed by status and paged by cursor without gaps', async () => {
    const testing = await summariseUpdates(ctxOf(app), { status: 'testing', limit: 10 })
    expect(testing.items.map(({ update }) => update.alias)).toEqual([plain])
    const first = await summariseUpdates(ctxOf(app), { limit: 2 })
    const cursor = first.next ?? undefined
    const rest = await summariseUpdates(ctxOf(app), { limit: 2, cursor })
    expect([...first.items, ...rest.items].map(({ update }) => update.title)).toEqual([
      'quiet-1-1',
      'world-1-2',
      'hello-1-1',
    ])
    expect(rest.next).toBeNull()
  })

  it('is empty without a query of votes', async () => {
    expect(await summariseUpdates(ctxOf(app), { status: 'stable', limit: 10 })).toEqual({
      items: [],
      next: null,
    })
  })

  it('is there for a package and for a build', async () => {
    const world = await summariesOfPackage(ctxOf(app), 'world')
    expect(world.map(({ update, karma }) => [update.alias, karma])).toEqual([[revised, 1]])
    const [quiet] = await summariesOfBuild(ctxOf(app), build_id)
    expect(quiet?.update.title).toBe('quiet-1-1')
  })

  it('is counted', async () => {
    expect(await countOpenUpdates(ctxOf(app))).toEqual({ pending: 2, testing: 1 })
  })
})

describe('remarks', () => {
  it('say of each vote whether it counts, a vote and its comment once', async () => {
    const [now, ...earlier] = remarksByRevision(await view(plain))
    expect(earlier).toEqual([])
    const shown = now?.remarks.map(({ author, text, vote }) => [
      author,
      text,
      vote?.karma,
      vote?.standing,
    ])
    expect(shown).toEqual([
      ['tester2', 'Works.', 1, 'changed'],
      ['tester3', '', 1, 'live'],
      ['tester4', '', 1, 'changed'],
      ['tester2', '', 0, 'live'],
      ['packer', 'Thank you.', undefined, undefined],
    ])
  })

  it('keep those of an earlier revision apart', async () => {
    const [now, before] = remarksByRevision(await view(revised))
    expect(now?.remarks.map(({ vote }) => vote)).toEqual([{ karma: 1, standing: 'live' }])
    expect(before?.revision).toBe(1)
    expect(before?.remarks.map(({ text, vote }) => [text, vote?.standing])).toEqual([
      ['Broken.', 'earlier'],
    ])
  })

  it('know one’s own vote, and who may not vote', async () => {
    const seen = await view(plain)
    expect(ownVote(seen, 'tester3', 'update')).toBe(1)
    expect(ownVote(seen, 'tester4', 'update')).toBeNull()
    expect(mayVoteOn(seen, 3)).toBe(true)
    expect(mayVoteOn(seen, 1)).toBe(false)
    expect(mayVoteOn(seen, null)).toBe(false)
  })
})
