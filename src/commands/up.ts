/** `slipway up`: one machine's portal: prepares what is missing, then keeps web, worker and builder running. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { makeFirstAdminLink } from '../accounts/admins.ts'
import { createApp } from '../app.ts'
import type { App } from '../kernel/context.ts'
import { systemCtx } from '../kernel/context.ts'
import { root } from '../kernel/paths.ts'
import { systemTools } from '../kernel/tools.ts'
import { builderTokenFile, setUp } from '../setup.ts'
import { print } from './with-app.ts'

interface Program {
  name: string
  /** Script, from the checkout's root where it is not absolute. */
  script: string
  /** For Node. */
  flags?: string[]
  env?: Record<string, string>
}

const STOP_PATIENCE_MS = 10_000
const SLOWEST_RESTART_MS = 10_000
/** A program that ran for this long did not fail at start. */
const HEALTHY_MS = 30_000

export function addUpCommand(program: Command): void {
  program
    .command('up')
    .description('prepare and run web, worker and one builder on this machine')
    .option('--no-builder', 'run no builder here')
    .action(async (options: { builder: boolean }) => {
      const app = createApp({ program: 'up' })
      const notes = await prepare(app)
      await app.database.close()
      await supervise(app, programsOf(app, options.builder), notes)
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

function programsOf(app: App, builder: boolean): Program[] {
  const site = join(app.config.site_dir, 'server', 'entry.mjs')
  if (!existsSync(site)) throw new Error('The site is not built. Run: npm run build')
  const programs: Program[] = [
    { name: 'web', script: 'src/serve.ts' },
    { name: 'worker', script: 'src/worker.ts', flags: WORKER_FLAGS },
  ]
  if (builder)
    programs.push({
      name: 'builder',
      script: 'src/builder/main.ts',
      env: {
        SLIPWAY_URL: `http://${app.config.host.includes(':') ? `[${app.config.host}]` : app.config.host}:${app.config.port}`,
        BUILDER_TOKEN_FILE: builderTokenFile(app),
        BUILDER_PRIVATE_SOURCES: app.config.private_sources.join(','),
      },
    })
  return programs
}

async function supervise(app: App, programs: Program[], notes: string[]): Promise<void> {
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort())
  const running = programs.map((program) => keepRunning(app, program, stop.signal))
  void announce(app, notes, stop.signal)
  await Promise.all(running)
}

/** Prints the notes when the portal answers. */
async function announce(app: App, notes: string[], signal: AbortSignal): Promise<void> {
  const { host, port } = app.config
  const address = `http://${host.includes(':') ? `[${host}]` : host}:${port}/healthz`
  while (!signal.aborted) {
    const answered = await fetch(address, { signal }).then(
      (response) => response.ok,
      () => false,
    )
    if (answered) break
    await sleep(50, undefined, { signal }).catch(() => {})
  }
  for (const note of notes) print(note)
}

/** Starts a program again whenever it ends, more slowly the more often it fails at start. */
async function keepRunning(app: App, program: Program, signal: AbortSignal): Promise<void> {
  let wait_ms = 200
  while (!signal.aborted) {
    const started = performance.now()
    const child = spawn(
      process.execPath,
      [...(program.flags ?? []), resolve(root, program.script)],
      {
        cwd: root,
        env: { ...process.env, ...environment(app), ...program.env },
        // The channel closes when this process is gone, and the program ends too: see kernel/parent.ts.
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      },
    )
    const code = await ended(child, signal)
    if (signal.aborted) return
    app.log.warn({ name: program.name, code }, 'program ended; it is started again')
    wait_ms =
      performance.now() - started > HEALTHY_MS ? 200 : Math.min(wait_ms * 2, SLOWEST_RESTART_MS)
    await sleep(wait_ms, undefined, { signal }).catch(() => {})
  }
}

function environment(app: App): Record<string, string> {
  const { config } = app
  return {
    HOST: config.host,
    PORT: String(config.port),
    SLIPWAY_DATA: config.data_dir,
    SLIPWAY_URL: config.url,
    SLIPWAY_ROOT: root,
  }
}

/** Waits for a program's end; a stop is passed on, and insisted upon when patience ends. */
function ended(child: ChildProcess, signal: AbortSignal): Promise<number | null> {
  return new Promise((resolve) => {
    const stop = () => {
      child.kill('SIGTERM')
      setTimeout(() => child.kill('SIGKILL'), STOP_PATIENCE_MS).unref()
    }
    signal.addEventListener('abort', stop, { once: true })
    child.once('error', () => resolve(null))
    child.once('exit', (code) => {
      signal.removeEventListener('abort', stop)
      resolve(code)
    })
  })
}
