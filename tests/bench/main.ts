/**
 * `npm run bench [name…]`: measures what is named, or all but parts; ends with 1 when a limit is missed. What needs
 * PostgreSQL runs in a program of its own (`--json`), since tables are made for one database at import.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { benchBuilds } from './builds.ts'
import { benchCrawl } from './crawl.ts'
import { benchEdge } from './edge.ts'
import { benchIdle } from './idle.ts'
import { benchLighthouse } from './lighthouse.ts'
import { benchPages } from './pages.ts'
import { benchPush } from './push.ts'
import { type Figure, machine, print } from './report.ts'
import { benchSnapshot } from './snapshot.ts'
import { benchTasks } from './tasks.ts'
import { benchVotes } from './votes.ts'
import { benchVotesInCompany } from './votes-company.ts'

const benches: Record<string, () => Promise<Figure[]>> = {
  tasks: benchTasks,
  votes: benchVotes,
  'votes-company': () => onPostgres('votes-company'),
  push: () => benchPush(),
  pages: benchPages,
  builds: benchBuilds,
  edge: benchEdge,
  snapshot: benchSnapshot,
  crawl: benchCrawl,
  lighthouse: benchLighthouse,
  idle: benchIdle,
}
/** Parts of the above, only when they are named. */
const parts: typeof benches = {
  'push-300': () => benchPush([0]),
  'push-50000': () => benchPush([1]),
}
/** Measured where DATABASE_URL is in the environment. */
const postgresBenches: typeof benches = { 'votes-company': benchVotesInCompany }
const all = { ...benches, ...parts }

/** Runs a bench on a server of its own. @throws Error with what it wrote when it fails */
async function onPostgres(name: string): Promise<Figure[]> {
  const { withPostgres } = (await import('../../bin/postgres.mjs')) as {
    withPostgres<T>(work: (url: string) => T): Promise<T>
  }
  return withPostgres((url) => {
    const { status, stdout } = spawnSync(
      process.execPath,
      [fileURLToPath(import.meta.url), '--json', name],
      {
        env: { ...process.env, DATABASE_URL: url },
        stdio: ['ignore', 'pipe', 'inherit'],
        encoding: 'utf8',
      },
    )
    if (status !== 0) throw new Error(`the bench ${name} ended with ${status}`)
    return JSON.parse(stdout) as Figure[]
  })
}

const asked = process.argv.slice(2)
if (asked[0] === '--json') {
  const bench = postgresBenches[asked[1] ?? '']
  if (!bench) throw new Error(`no bench on PostgreSQL is called ${asked[1]}`)
  process.stdout.write(JSON.stringify(await bench()))
  process.exit(0)
}
const unknown = asked.filter((name) => !(name in all))
if (unknown.length > 0) {
  process.stderr.write(
    `No such bench: ${unknown.join(', ')}. There are: ${Object.keys(all).join(', ')}\n`,
  )
  process.exit(2)
}
process.stdout.write(`${machine()}\n`)
for (const [name, bench] of Object.entries(all)) {
  if (asked.length > 0 ? !asked.includes(name) : name in parts) continue
  const figures = await bench()
  print(name, figures)
  if (figures.some((each) => each.holds === false)) process.exitCode = 1
}
