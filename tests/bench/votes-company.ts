/**
 * Votes where they meet: on PostgreSQL, two webs, everybody on the same two updates, while people comment, the
 * submitter edits, and pushes emit beside them. What locks in another order ends one of two here.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { and, eq, isNull } from 'drizzle-orm'
import { vote } from '../../db/schema/updates.ts'
import { updateEdit } from '../../src/updates/input.ts'
import { startPush } from '../../src/updates/pushes.ts'
import { editUpdate } from '../../src/updates/revisions.ts'
import { RELEASE } from '../support/builds.ts'
import { makeRpms, PushWorld } from '../support/push-world.ts'
import { ctxOf, testApp } from '../support/test-app.ts'
import { type Figure, percentile } from './report.ts'
import { type BenchWeb, load, makeVoters, startWeb } from './web.ts'

const VOTERS = 1500
const CONNECTIONS = 32
const PUSHES = 4
const UPDATES_PER_PUSH = 5
/** Of so many votes one comes with a comment. */
const COMMENT_EVERY = 10

export async function benchVotesInCompany(): Promise<Figure[]> {
  const { withPostgres } = (await import('../../bin/postgres.mjs')) as {
    withPostgres(work: (url: string) => Promise<void>): Promise<void>
  }
  let figures: Figure[] = []
  await withPostgres(async (url) => {
    process.env.DATABASE_URL = url
    try {
      figures = await measure()
    } finally {
      delete process.env.DATABASE_URL
    }
  })
  return figures
}

async function measure(): Promise<Figure[]> {
  const folder = await makeRpms(2 + PUSHES * UPDATES_PER_PUSH)
  const app = await testApp()
  const webs: BenchWeb[] = []
  try {
    const world = new PushWorld(app, folder)
    await world.prepare()
    const wide = { stable_karma: 100_000, unstable_karma: -100_000, autokarma: false }
    const aliases = [await world.update(wide), await world.update(wide)]
    await startPush(ctxOf(app), RELEASE)
    await world.work()
    const tokens = await makeVoters(app, VOTERS)
    for (const core of [0, 1]) webs.push(await startWeb(app, core))
    return await cast({ world, aliases, tokens, urls: webs.map(({ url }) => url) })
  } finally {
    for (const web of webs) await web.stop()
    await app.end()
    rmSync(join(folder, '../..'), { recursive: true, force: true })
  }
}

interface Crowd {
  world: PushWorld
  aliases: string[]
  tokens: string[]
  urls: string[]
}

async function cast(crowd: Crowd): Promise<Figure[]> {
  const { world, aliases, tokens, urls } = crowd
  const errors: string[] = []
  const took_ms: number[] = []
  const ask = async (n: number, path: string, body: object) => {
    const answer = await fetch(`${urls[n % urls.length]}/api/updates/${path}`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${tokens[n % VOTERS]}`,
        'Content-Type': 'application/json',
      },
      body: JSON.stringify(body),
    })
    const text = await answer.text()
    if (!answer.ok) errors.push(`${answer.status} ${text.slice(0, 300)}`)
  }
  let over = false
  const beside = Promise.all([edits(crowd, () => over), pushes(world)])
  const votes = VOTERS * aliases.length
  const total_ms = await load(votes, CONNECTIONS, async (n) => {
    const alias = aliases[Math.floor(n / VOTERS)] ?? ''
    const started = performance.now()
    await ask(n, `${alias}/votes`, { karma: 1 })
    took_ms.push(performance.now() - started)
    if (n % COMMENT_EVERY === 0) await ask(n, `${alias}/comments`, { text: `It works for ${n}.` })
  })
  over = true
  const [edited, pushed] = await beside
  const kept = await world.app.db.$count(vote, and(eq(vote.karma, 1), isNull(vote.withdrawn_at)))
  if (kept !== votes && errors.length === 0) throw new Error(`${kept} of ${votes} votes are kept`)
  const rate = Math.round(votes / (total_ms / 1000))
  return [
    {
      name: `votes over HTTP, two webs on PostgreSQL, ${CONNECTIONS} connections`,
      value: `${rate}/s`,
      limit: '≥ 500/s',
      holds: rate >= 500,
    },
    {
      name: 'errors',
      value: `${errors.length}${errors[0] ? `: ${errors[0]}` : ''}`,
      limit: '0',
      holds: errors.length === 0,
    },
    { name: 'a vote, p50', value: `${percentile(took_ms, 50).toFixed(1)} ms` },
    { name: 'a vote, p99', value: `${percentile(took_ms, 99).toFixed(1)} ms` },
    { name: 'beside them', value: `${edited} edits, ${pushed} updates pushed` },
  ]
}

/** The submitter changes what it says of both, again and again. */
async function edits({ world, aliases }: Crowd, over: () => boolean): Promise<number> {
  let done = 0
  while (!over()) {
    const edit = updateEdit.parse({ notes: `Look for the ${done}th time.` })
    await editUpdate(world.packager, aliases[done % aliases.length] ?? '', edit)
    done++
  }
  return done
}

async function pushes(world: PushWorld): Promise<number> {
  for (let n = 0; n < PUSHES; n++) {
    for (let each = 0; each < UPDATES_PER_PUSH; each++) await world.update()
    await startPush(ctxOf(world.app), RELEASE)
    await world.work()
  }
  return PUSHES * UPDATES_PER_PUSH
}
