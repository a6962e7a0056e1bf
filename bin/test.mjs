/**
 * `npm test`: installs what the tests need on a new machine, checks style and types, and runs all tests:
 * the fast ones on SQLite, the data layer again on a real PostgreSQL, then the ones with real clients.
 * Words after `--` go to Vitest and replace the plan, as in `npm test -- tests/updates`.
 */
import { delimiter, dirname, join } from 'node:path'
import { withPostgres } from './postgres.mjs'
import {
  buildSite,
  installPackages,
  installTools,
  node,
  root,
  run,
  say,
  testTools,
} from './prepare.mjs'

installPackages()
const missing = installTools(testTools)
if (missing.length > 0) {
  say(`the tests need these: ${[...new Set(missing.map((tool) => testTools[tool].apt))].join(' ')}`)
  process.exit(1)
}
buildSite()

const env = {
  ...process.env,
  PATH: `${dirname(node)}${delimiter}${process.env.PATH}`,
  ASTRO_TELEMETRY_DISABLED: '1',
}
const bin = (name) => join(root, 'node_modules', '.bin', name)
const vitest = (args, more = {}) =>
  run(bin('vitest'), ['run', ...args], { env: { ...env, ...more } })

const asked = process.argv.slice(2)
if (asked.length > 0) vitest(asked)
else {
  say('style and types')
  run(bin('biome'), ['check', '--error-on-warnings', '.'], { env })
  run(bin('astro'), ['check', '--minimumSeverity', 'warning'], { env })
  run(bin('tsc'), ['--noEmit'], { env })
  say('rules, verbs and API, on SQLite')
  vitest(['--project', 'fast'])
  say('the data layer, on PostgreSQL')
  await withPostgres((url) => vitest(['--project', 'data'], { DATABASE_URL: url }))
  say('real builds, clients, browser and faults')
  vitest(['--project', 'real'])
}
