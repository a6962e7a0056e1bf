/**
 * The builder program: claims build tasks from a portal and runs them in a sandbox. It touches
 * nothing but its scratch folder, and speaks with the portal over HTTP only.
 */
import { endWithParent } from '../kernel/parent.ts'
import { createClient } from './client.ts'
import { readConfig } from './config.ts'
import { runLoop } from './loop.ts'
import { type Identity, kernelBounds } from './sandbox.ts'
import type { Say } from './say.ts'
import { openScratch } from './scratch.ts'
import { findTools } from './tools.ts'

/** Version of the builder protocol's client, as heartbeats name it. */
const version = '1'

const say: Say = (message, facts = {}) => {
  process.stderr.write(
    `${JSON.stringify({ time: new Date().toISOString(), program: 'builder', msg: message, ...facts })}\n`,
  )
}

async function main(): Promise<void> {
  endWithParent()
  const config = readConfig(process.env)
  const root = process.getuid?.() === 0
  const identityOf = (slot: number): Identity | undefined =>
    root ? { uid: config.first_uid + slot, gid: config.first_uid + slot } : undefined
  const scratch = await openScratch(config.scratch, root)
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
  say('builder starts', { portal: config.url, scratch: config.scratch, removed: scratch.removed })
  const client = createClient(config.url, config.token)
  await runLoop({
    ...{ config, client, scratch, version, identityOf, say, signal: stop.signal },
    findTools: () => findTools(identityOf(0)),
    bounds: kernelBounds(),
  })
  await scratch.close()
  say('builder ends')
}

main().catch((error: Error) => {
  say('builder failed', { error: error.message })
  process.exitCode = 1
})
