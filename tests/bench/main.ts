/** `npm run bench [name…]`: measures what is named, or all but parts; ends with 1 when a limit is missed. */
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
  'votes-company': benchVotesInCompany,
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
const all = { ...benches, ...parts }

const asked = process.argv.slice(2)
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
