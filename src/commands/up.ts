/**
 * `slipway up`: one machine's portal: prepares what is missing, then keeps web, worker and builder running. Asked by
 * src/up.ts it hands over what is to be run and ends, so that nothing of the portal stays in the supervisor.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { makeFirstAdminLink } from '../accounts/admins.ts'
import { createApp } from '../app.ts'
import type { App } from '../kernel/context.ts'
import { systemCtx } from '../kernel/context.ts'
import { root } from '../kernel/paths.ts'
import { systemTools } from '../kernel/tools.ts'
import { builderTokenFile, setUp } from '../setup.ts'
import { type Plan, type Program, supervise } from '../supervisor.ts'

export function addUpCommand(program: Command): void {
  program
    .command('up')
    .description('prepare and run web, worker and one builder on this machine')
    .option('--no-builder', 'run no builder here')
    .action(async (options: { builder: boolean }) => {
      const app = createApp({ program: 'up' })
      const notes = await prepare(app)
      await app.database.close()
      const plan = { ...planOf(app, options.builder), notes }
      if (process.send) process.send(plan)
      else await supervise(plan)
    })
}

/** @returns lines to print once the portal answers */
async function prepare(app: App): Promise<string[]> {
  const { missing } = await setUp(app)
  const notes = [`${app.distribution.name} is served at ${app.config.url}`]
  const link = await makeFirstAdminLink(systemCtx(app, 'up'))
  if (link) notes.push(`Make the first administrator here, once: ${link}`)
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((tool) => systemTools[tool]))].join(' ')
    notes.push(`Building is off until these are installed: ${packages}`)
  }
  return notes
}

/**
 * Crawls make much that lives shortly; with V8's default of a nursery that grows with the machine's memory
 * the worker takes half a gigabyte for a tenth of that.
 */
export const WORKER_FLAGS = ['--max-semi-space-size=8']

function planOf(app: App, builder: boolean): Omit<Plan, 'notes'> {
  const { config } = app
  const site = join(config.site_dir, 'server', 'entry.mjs')
  if (!existsSync(site)) throw new Error('The site is not built. Run: npm run build')
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  const own_url = `http://${host}:${config.port}`
  const programs: Program[] = [
    { name: 'web', script: 'src/serve.ts' },
    { name: 'worker', script: 'src/worker.ts', flags: WORKER_FLAGS },
  ]
  if (builder)
    programs.push({
      name: 'builder',
      script: 'src/builder/main.ts',
      env: {
        SLIPWAY_URL: own_url,
        BUILDER_TOKEN_FILE: builderTokenFile(app),
        BUILDER_PRIVATE_SOURCES: config.private_sources.join(','),
      },
    })
  return {
    programs,
    health_url: `${own_url}/healthz`,
    env: {
      HOST: config.host,
      PORT: String(config.port),
      SLIPWAY_DATA: config.data_dir,
      SLIPWAY_URL: config.url,
      SLIPWAY_ROOT: root,
    },
  }
}
