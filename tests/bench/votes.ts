/** Votes through HTTP, each durable when it is answered, by the web on one core. */
import { vote } from '../../db/schema/updates.ts'
import { updateInput } from '../../src/updates/input.ts'
import { createUpdate } from '../../src/updates/updates.ts'
import { makeBuild, prepareRelease } from '../support/builds.ts'
import { ctxOf, personActor, testApp } from '../support/test-app.ts'
import { type Figure, percentile } from './report.ts'
import { load, makeVoters, startWeb } from './web.ts'

const UPDATES = 50
const VOTERS = 100
const CONNECTIONS = 32

export async function benchVotes(): Promise<Figure[]> {
  const app = await testApp()
  await prepareRelease(app)
  const aliases: string[] = []
  const packager = ctxOf(app, personActor(1_000_000, 'packer', ['member', 'packager']))
  for (let n = 0; n < UPDATES; n++) {
    const { nvr } = await makeBuild(app, `pkg${n}-1-1`, 1_000_000)
    const input = updateInput.parse({
      builds: [nvr],
      notes: 'x',
      type: 'bugfix',
      stable_karma: 100,
    })
    aliases.push((await createUpdate(packager, input)).alias)
  }
  const tokens = await makeVoters(app, VOTERS)
  const web = await startWeb(app)
  try {
    const took_ms: number[] = []
    const cast = async (n: number) => {
      const started = performance.now()
      const alias = aliases[n % UPDATES] ?? ''
      const token = tokens[Math.floor(n / UPDATES)] ?? ''
      const answer = await fetch(`${web.url}/api/updates/${alias}/votes`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ karma: 1 }),
      })
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
      await answer.arrayBuffer()
      took_ms.push(performance.now() - started)
    }
    const votes = UPDATES * VOTERS
    const cpu_before_ms = web.cpu_ms()
    const total_ms = await load(votes, CONNECTIONS, cast)
    const cpu_ms = web.cpu_ms() - cpu_before_ms
    const kept = await app.db.$count(vote)
    if (kept !== votes) throw new Error(`${kept} of ${votes} votes are in the database`)
    const rate = Math.round(votes / (total_ms / 1000))
    return [
      {
        name: `votes over HTTP, ${CONNECTIONS} connections, one core`,
        value: `${rate}/s`,
        limit: '≥ 500/s',
        holds: rate >= 500,
      },
      { name: "a vote, the web's processor time", value: `${(cpu_ms / votes).toFixed(2)} ms` },
      { name: 'a vote, p50', value: `${percentile(took_ms, 50).toFixed(1)} ms` },
      { name: 'a vote, p99', value: `${percentile(took_ms, 99).toFixed(1)} ms` },
    ]
  } finally {
    await web.stop()
    await app.end()
  }
}
