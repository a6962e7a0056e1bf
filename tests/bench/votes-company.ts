/**
 * Votes where they meet: on PostgreSQL, two webs, everybody on the same two updates, while people comment, the
 * submitter edits, and pushes emit beside them. What locks in another order ends one of two here.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { and, eq, isNull } from 'drizzle-orm'
import { vote } from '../../db/schema/updates.ts'
import { together } from '../../src/kernel/together.ts'
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
/** More than any submitter does. */
const EDIT_EVERY_MS = 100

/** On the PostgreSQL that DATABASE_URL names. */
export async function benchVotesInCompany(): Promise<Figure[]> {
  const folder = await makeRpms(3 + PUSHES * UPDATES_PER_PUSH)
  const app = await testApp()
  const webs: BenchWeb[] = []
  try {
    const world = new PushWorld(app, folder)
    await world.prepare()
    // Nobody's vote carries them to stable, and the pushes beside leave them in testing.
    const wide = { stable_karma: 100, unstable_karma: -3, autokarma: false, autotime: false }
    const aliases: string[] = []
    for (let n = 0; n < 3; n++) aliases.push(await world.update(wide))
    await startPush(ctxOf(app), RELEASE)
    await world.work()
    // The first to sign up has the submitter's number, who may not vote.
    const [, ...tokens] = await makeVoters(app, VOTERS + 1)
    for (const core of [0, 1]) webs.push(await startWeb(app, core))
    return await cast({ world, aliases, tokens, webs })
  } finally {
    for (const web of webs) await web.stop()
    await app.end()
    rmSync(join(folder, '../..'), { recursive: true, force: true })
  }
}

interface Crowd {
  world: PushWorld
  /** The first is only to begin with. */
  aliases: string[]
  tokens: string[]
  webs: BenchWeb[]
}

async function cast(crowd: Crowd): Promise<Figure[]> {
  const { world, aliases, tokens, webs } = crowd
  const [warm = '', ...voted] = aliases
  const errors: string[] = []
  const took_ms: number[] = []
  const ask = async (n: number, path: string, body: object) => {
    const answer = await fetch(`${webs[n % webs.length]?.url}/api/updates/${path}`, {
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
  // A web that has just started compiles its code while it answers: that is over on any day when many vote.
  await load(VOTERS, CONNECTIONS, (n) => ask(n, `${warm}/votes`, { karma: 1 }))
  let over = false
  const beside = together([edits(world, voted, () => over), pushes(world)])
  // It is heard when the votes are in; until then its failure is nobody's surprise.
  beside.catch(() => {})
  const votes = VOTERS * voted.length
  const cpu_ms = () => webs.reduce((sum, web) => sum + web.cpu_ms(), 0)
  const before_ms = cpu_ms()
  const total_ms = await load(votes, CONNECTIONS, async (n) => {
    const alias = voted[Math.floor(n / VOTERS)] ?? ''
    const started = performance.now()
    await ask(n, `${alias}/votes`, { karma: 1 })
    took_ms.push(performance.now() - started)
    if (n % COMMENT_EVERY === 0) await ask(n, `${alias}/comments`, { text: `It works for ${n}.` })
  })
  const web_ms = (cpu_ms() - before_ms) / votes
  over = true
  const [edited, pushed] = await beside
  const kept = await world.app.db.$count(vote, and(eq(vote.karma, 1), isNull(vote.withdrawn_at)))
  if (kept !== VOTERS * aliases.length && errors.length === 0)
    throw new Error(`${kept} of ${VOTERS * aliases.length} votes are kept`)
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
    { name: "a vote, the webs' processor time", value: `${web_ms.toFixed(2)} ms` },
    { name: 'beside them', value: `${edited} edits, ${pushed} updates pushed` },
  ]
}

/** The submitter changes what it says of both, again and again. */
async function edits(world: PushWorld, aliases: string[], over: () => boolean): Promise<number> {
  let done = 0
  while (!over()) {
    const edit = updateEdit.parse({ notes: `Look for the ${done}th time.` })
    await editUpdate(world.packager, aliases[done % aliases.length] ?? '', edit)
    done++
    await sleep(EDIT_EVERY_MS)
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
