/**
 * `npm run soak [part…]`: what takes too long for `npm test`. Each part runs to its end whatever the others came to,
 * what it printed is in a log of its own, and one line says how it ended; the status is 1 where any failed.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { buildSite, installPackages, installTools, node, root, say, testTools } from './prepare.mjs'

const vitest = (project, path, env = {}) => ({
  command: join(root, 'node_modules/.bin/vitest'),
  args: ['run', '--project', project, path],
  env: { SLIPWAY_SOAK: '1', ...env },
})
const bench = (...names) => ({ command: node, args: [join(root, 'tests/bench/main.ts'), ...names] })

const parts = {
  // Forty kills of programs at work, then losses of power all the way of three new portals.
  kills: vitest('real', 'tests/faults'),
  'power-1': vitest('real', 'tests/power', { POWER_SEED: '1' }),
  'power-2': vitest('real', 'tests/power', { POWER_SEED: '2' }),
  'power-3': vitest('real', 'tests/power', { POWER_SEED: '3' }),
  // Other requests than the ones of every run.
  'fuzz-1': vitest('fast', 'tests/kernel/fuzz.test.ts', { FUZZ_SEED: '1' }),
  'fuzz-2': vitest('fast', 'tests/kernel/fuzz.test.ts', { FUZZ_SEED: '2' }),
  // A whole distribution: 4,166 sources, 50,000 packages, 4,000 advisories.
  push: bench('push'),
  years: vitest('fast', 'tests/updates/years.test.ts'),
  pages: bench('pages'),
  votes: bench('votes', 'votes-company'),
  idle: bench('idle'),
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !(name in parts))
if (unknown.length > 0) {
  say(`no such part: ${unknown.join(', ')}; there are: ${Object.keys(parts).join(', ')}`)
  process.exit(2)
}
installPackages()
installTools({ ...testTools, rpmmd2solv: { apt: 'libsolv-tools', dnf: 'libsolv-tools' } })
buildSite()

const logs = join(tmpdir(), `slipway-soak-${process.pid}`)
mkdirSync(logs)
for (const [name, part] of Object.entries(parts)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  const log = join(logs, `${name}.log`)
  const out = openSync(log, 'w')
  const began_ms = performance.now()
  const { status } = spawnSync(part.command, part.args, {
    cwd: root,
    stdio: ['ignore', out, out],
    env: {
      ...process.env,
      PATH: `${dirname(node)}${delimiter}${process.env.PATH}`,
      ASTRO_TELEMETRY_DISABLED: '1',
      ...part.env,
    },
  })
  closeSync(out)
  const took_s = Math.round((performance.now() - began_ms) / 1000)
  process.stdout.write(`${name}: ${status === 0 ? 'holds' : 'FAILED'} after ${took_s} s, ${log}\n`)
  if (status !== 0) process.exitCode = 1
}
