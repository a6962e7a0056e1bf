/** First start: everything that a portal needs before it serves. Each part does nothing when it is done. */

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { machine } from 'node:os'
import { dirname } from 'node:path'
import { syncGroups } from './accounts/groups.ts'
import { seedPackages } from './builds/requests.ts'
import { syncTags } from './builds/tags.ts'
import { BUILD_CHANNEL } from './builds/tasks.ts'
import { syncReleases } from './distribution/releases.ts'
import { dataPath } from './kernel/config.ts'
import { type App, systemCtx } from './kernel/context.ts'
import { makeFolder, writeDurably } from './kernel/durable.ts'
import { ensureSigningKey, publicKey } from './kernel/signing.ts'
import { missingTools } from './kernel/tools.ts'
import { syncMilestones } from './releases/milestones.ts'
import { syncRepositories } from './repos/repositories.ts'
import { DRIVERS, MAX_CAPACITY } from './tasks/builder.ts'
import { addBuilder, listBuilders, renewBuilderToken } from './tasks/builders.ts'
import { askAllAgain } from './updates/autopush.ts'

/** The builder that `slipway up` starts on the portal's own machine. */
const LOCAL_BUILDER = 'local'

export const builderTokenFile = (app: App) => dataPath(app.config, 'keys', 'builder.token')

export interface SetupResult {
  /** Tools that building and publishing need and this machine lacks. */
  missing: string[]
  /** Packages queued for their first build. */
  seeded: number
}

/** Migrates the database and makes what is missing: releases, tags, repositories, key, token, seeds. */
export async function setUp(app: App): Promise<SetupResult> {
  const ctx = systemCtx(app, 'setup')
  // Web serves it from its first request on, also while nothing is published yet.
  await makeFolder(dataPath(app.config, 'pub'))
  await app.database.migrate()
  await syncReleases(ctx)
  await syncGroups(ctx)
  await syncTags(ctx)
  await syncMilestones(ctx)
  await syncRepositories(ctx)
  await ensureBuilderToken(app)
  await askAllAgain(ctx)
  const missing = await missingTools()
  // Without gpg there is no key, and without a key no package could be published: seeds wait.
  if (missing.includes('gpg')) return { missing, seeded: 0 }
  await ensureSigningKey(app)
  await publishKey(app)
  return { missing, seeded: await seedPackages(ctx) }
}

/** The public key beside the repositories that it signs, where clients can fetch it. */
async function publishKey(app: App): Promise<void> {
  const file = dataPath(app.config, 'pub', `RPM-GPG-KEY-${app.distribution.id}`)
  await writeDurably(file, await publicKey(app), 0o644)
}

/** The portal's own machine may do for it whatever it can. */
const localGrant = () => ({
  arches: [machine()],
  channels: [BUILD_CHANNEL],
  drivers: DRIVERS,
  capacity: MAX_CAPACITY,
})

async function ensureBuilderToken(app: App): Promise<void> {
  const ctx = systemCtx(app, 'setup')
  const file = builderTokenFile(app)
  if (existsSync(file) && (await readFile(file, 'utf8')).startsWith('slb_')) return
  const known = (await listBuilders(ctx)).some((each) => each.name === LOCAL_BUILDER)
  const token = known
    ? await renewBuilderToken(ctx, LOCAL_BUILDER)
    : await addBuilder(ctx, LOCAL_BUILDER, localGrant())
  await makeFolder(dirname(file), 0o700)
  await writeDurably(file, `${token}\n`, 0o600)
}
