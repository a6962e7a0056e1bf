/** What a push has to make: each repository whose packages or advisories differ from what is published. */
import { releaseTags } from '../builds/build.ts'
import { updateinfoSeverity } from '../errata/advisory.ts'
import { advisoriesOfRelease, updateinfoOf, updateinfoPackages } from '../errata/errata.ts'
import { renderUpdateinfo, type UpdateinfoEntry } from '../errata/updateinfo.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Draft } from '../repos/compose.ts'
import { type PlacedRpm, publishedGenerations, repositoryContents } from '../repos/repositories.ts'
import { type PushRow, pushedUpdates } from './pushes.ts'
import { buildsOfUpdates, updatesOfBuilds } from './queries.ts'

/** Drafts of the release's repositories that this push changes. */
export async function draftRepositories(ctx: Ctx, row: PushRow): Promise<Draft[]> {
  const { db } = ctx.app
  const touched = await touchedBuilds(ctx, row)
  const drafts: Draft[] = []
  for (const stage of ['stable', 'testing'] as const)
    for (const [repository, rpms] of await repositoryContents(ctx.app, row.release, stage)) {
      const [current] = await publishedGenerations(db, repository.id, 1)
      const ids = rpms.map(({ rpm }) => rpm.id)
      const same =
        current?.rpm_ids.length === ids.length && ids.every((id) => current.rpm_ids.includes(id))
      const renamed = rpms.some(({ build }) => touched.has(build.id))
      if (same && !renamed) continue
      const entries =
        stage === 'stable'
          ? await stableEntries(ctx, row.release, rpms)
          : await testingEntries(ctx, rpms)
      drafts.push({ repository, rpms, updateinfo: renderUpdateinfo(entries), push_id: row.id })
    }
  return drafts
}

/** Builds whose updates are in the push: what is said of them changes even where they stay. */
async function touchedBuilds(ctx: Ctx, row: PushRow): Promise<Set<number>> {
  const ids = (await pushedUpdates(ctx.app.db, row.id)).map((each) => each.update.id)
  const builds = ids.length > 0 ? await buildsOfUpdates(ctx.app.db, ids) : []
  return new Set(builds.map((each) => each.build.id))
}

async function stableEntries(ctx: Ctx, release: string, rpms: PlacedRpm[]) {
  const advisories = await advisoriesOfRelease(ctx.app.db, release)
  return advisories.map((advisory) => updateinfoOf(ctx, advisory, rpms))
}

/** What is in testing has no advisory yet: its update's alias stands in the number's place. */
async function testingEntries(ctx: Ctx, rpms: PlacedRpm[]): Promise<UpdateinfoEntry[]> {
  const { distribution, config, db } = ctx.app
  const build_ids = [...new Set(rpms.map(({ build }) => build.id))]
  if (build_ids.length === 0) return []
  const found = await updatesOfBuilds(db, build_ids)
  const updates = new Map(found.map(({ update }) => [update.alias, update]))
  return [...updates.values()].map((update) => ({
    id: update.alias,
    type: update.type,
    status: 'testing',
    title: update.title,
    issued_at: update.created_at,
    updated_at: update.modified_at,
    severity: updateinfoSeverity(update.severity),
    summary: update.title,
    description: update.notes,
    rights: `Copyright ${distribution.vendor}`,
    release: distribution.name,
    from: distribution.mail_from,
    references: [
      {
        type: 'self',
        id: update.alias,
        href: `${config.url}/updates/${update.alias}`,
        title: update.alias,
      },
    ],
    collection: releaseTags(update.release).testing,
    packages: updateinfoPackages(
      rpms,
      found.filter((each) => each.update.id === update.id).map((each) => each.build_id),
    ),
    reboot_suggested: false,
  }))
}
