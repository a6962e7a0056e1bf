/** Complete builds without a builder: rows by the same verbs that the build task calls. */
import { eq } from 'drizzle-orm'
import { update } from '../../db/schema/updates.ts'
import { releaseTags } from '../../src/builds/build.ts'
import { type BuildRow, completeBuild, registerBuild } from '../../src/builds/builds.ts'
import { syncTags, tagBuild, untagBuild } from '../../src/builds/tags.ts'
import { syncReleases } from '../../src/distribution/releases.ts'
import { parseNvr } from '../../src/kernel/evr.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { findPackage, setOwner } from '../../src/packages/owners.ts'
import { syncRepositories } from '../../src/repos/repositories.ts'
import { createTask } from '../../src/tasks/tasks.ts'
import { buildsOfUpdates } from '../../src/updates/updates.ts'
import { ctxOf, type TestApp } from './test-app.ts'

export const RELEASE = 'keel10'

/** Releases, tags and repositories, as set-up makes them. */
export async function prepareRelease(app: TestApp): Promise<void> {
  const ctx = ctxOf(app)
  await syncReleases(ctx)
  await syncTags(ctx)
  await syncRepositories(ctx)
}

/** Makes people, by their numbers, owners of a package that is there. */
export async function ownPackage(app: TestApp, name: string, ...person_ids: number[]) {
  const ctx = ctxOf(app)
  await transaction(ctx, async (tx) => {
    const row = await findPackage(tx, name)
    if (!row) throw new Error(`there is no package ${name}`)
    for (const person_id of person_ids) await setOwner(tx, ctx, row, { person_id }, 'owner', '')
  })
}

/** A complete build of one noarch package, tagged candidate. @param packager number of a person who owns it */
export async function makeBuild(app: TestApp, nvr: string, packager = 1): Promise<BuildRow> {
  const row = await completeBuildOf(app, nvr)
  await ownPackage(app, row.name, packager)
  return row
}

function completeBuildOf(app: TestApp, nvr: string): Promise<BuildRow> {
  const ctx = ctxOf(app)
  const parts = parseNvr(nvr)
  if (!parts) throw new Error(`${nvr} is no NVR`)
  const source = { kind: 'git' as const, url: 'https://git.example/x', ref: 'main' }
  return transaction(ctx, async (tx) => {
    const task = await createTask(tx, ctx, { method: 'build', label: nvr, payload: {} })
    const row = await registerBuild(
      tx,
      ctx,
      task,
      { target: RELEASE, source, bootstrap: false },
      {
        ...parts,
        epoch: 0,
        arches: null,
        exclude_arches: [],
        noarch: true,
        build_requires: [],
        outputs: [],
      },
    )
    const digest = nvr.length.toString(16).padStart(64, '0')
    const done = await completeBuild(
      tx,
      ctx,
      row,
      [
        {
          ...{ ...parts, epoch: 0, arch: 'noarch', filename: `${nvr}.noarch.rpm` },
          ...{ sha256: digest, unsigned_sha256: digest, size_bytes: 1 },
        },
      ],
      { summary: nvr, description: '' },
    )
    await tagBuild(tx, ctx, releaseTags(RELEASE).candidate, done)
    return done
  })
}

/** Puts an update where a push would have put it. */
export async function asPushed(
  app: TestApp,
  alias: string,
  status: 'testing' | 'stable',
): Promise<void> {
  const ctx = ctxOf(app)
  const tags = releaseTags(RELEASE)
  await transaction(ctx, async (tx) => {
    const now = app.clock.now()
    const when = status === 'testing' ? { testing_at: now } : { stable_at: now }
    const [row] = await tx
      .update(update)
      .set({ status, request: null, ...when })
      .where(eq(update.alias, alias))
      .returning()
    if (!row) throw new Error(`${alias} does not exist`)
    for (const { build } of await buildsOfUpdates(tx, [row.id])) {
      await untagBuild(tx, ctx, tags.candidate, build)
      await untagBuild(tx, ctx, tags.testing, build)
      await tagBuild(tx, ctx, tags[status], build)
    }
  })
}
