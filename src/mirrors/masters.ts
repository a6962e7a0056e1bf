/** The master: configuration of its daemons from the registry, kept up to date and on record. */

import { mkdir, readFile, stat } from 'node:fs/promises'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { dataPath } from '../kernel/config.ts'
import type { Ctx } from '../kernel/context.ts'
import { writeDurably } from '../kernel/durable.ts'
import { transaction } from '../kernel/transaction.ts'
import { type ConfigOptions, configText, type Daemon, isPlainRoot } from './master/config-text.ts'
import { allowedSources } from './tiers.ts'

/** Connections at once to each module of rsyncd, unless told. */
const CONNECTIONS = 100

/**
 * Configuration of one daemon as the registry has it now.
 * @throws PortalError account.*
 */
export async function masterConfig(
  ctx: Ctx,
  daemon: Daemon,
  options: { port?: number | undefined } = {},
): Promise<string> {
  requireRole(ctx, 'admin', 'admin')
  const { app } = ctx
  const root = dataPath(app.config, 'pub')
  await mkdir(root, { recursive: true })
  const { uid, gid } = await stat(root)
  const sources = await allowedSources(app.db, app.clock.now())
  const own: ConfigOptions = {
    port: options.port,
    ...{ owner: String(uid), group: String(gid), connections: CONNECTIONS },
  }
  return configText(daemon, { root, host: new URL(app.config.url).hostname, sources }, own)
}

/** Where the worker keeps rsyncd's configuration; rsyncd reads it at each connection. */
export const rsyncdFile = (ctx: Ctx) => dataPath(ctx.app.config, 'mirrors', 'rsyncd.conf')

/**
 * Writes rsyncd's configuration where it changed: who was approved, removed, or is over. What was let in
 * and out is on record before it happens.
 * @returns whether it changed
 */
export async function refreshRsyncd(ctx: Ctx): Promise<boolean> {
  // The command says why; here it would be said every few seconds, to nobody.
  if (!isPlainRoot(dataPath(ctx.app.config, 'pub'))) return false
  const file = rsyncdFile(ctx)
  const text = await masterConfig(ctx, 'rsyncd')
  const before = await readFile(file, 'utf8').catch(() => '')
  if (before === text) return false
  const [was, is] = [allowedIn(before), allowedIn(text)]
  const details = {
    let_in: is.filter((each) => !was.includes(each)),
    shut_out: was.filter((each) => !is.includes(each)),
  }
  if (details.let_in.length > 0 || details.shut_out.length > 0)
    await transaction(ctx, (tx) =>
      audit(tx, ctx, { action: 'mirror.master-configured', subject: 'mirrors:master', details }),
    )
  await writeDurably(file, text)
  return true
}

const allowedIn = (text: string) => {
  const [, networks = ''] = /^hosts allow = (.*)$/m.exec(text) ?? []
  return networks.split(' ').filter(Boolean)
}
