/** The updateinfo.xml that a push writes for a repository, entry by entry: it is too large to be held whole. */
import { open } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { and, asc, eq, gt } from 'drizzle-orm'
import { update } from '../../db/schema/updates.ts'
import { releaseTags } from '../builds/build.ts'
import type { BuildRow } from '../builds/builds.ts'
import { updateinfoSeverity } from '../errata/advisory.ts'
import {
  advisoriesOfRelease,
  type NewAdvisory,
  numberOf,
  reservedNumbers,
  type UpdateinfoFacts,
  updateinfoOf,
  updateinfoPackages,
} from '../errata/errata.ts'
import { renderEntry, updateinfoHead, updateinfoTail } from '../errata/updateinfo.ts'
import { chunks } from '../kernel/chunks.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import { must } from '../kernel/must.ts'
import type { PlacedRpm } from '../repos/content.ts'
import { draftedOf } from '../repos/drafts.ts'
import type { RepositoryRow } from '../repos/repositories.ts'
import type { Member } from './push-plan.ts'
import type { PushRow } from './push-rows.ts'
import { bugsOfUpdates, buildsByUpdate, cvesOfUpdates, type UpdateRow } from './queries.ts'

interface Source {
  facts: UpdateinfoFacts
  build_ids: number[]
}

/**
 * @param members of the push: those that go to stable have no advisory yet, and get the one of `advisoryOf`
 * @returns false when no entry has a package in the repository
 */
export async function writeUpdateinfo(
  ctx: Ctx,
  row: PushRow,
  repository: RepositoryRow,
  members: Member[],
  path: string,
): Promise<boolean> {
  const pages =
    repository.stage === 'stable'
      ? stableSources(ctx, row, members)
      : testingSources(ctx, row, members)
  const file = await open(path, 'w')
  let entries = 0
  try {
    await file.write(updateinfoHead)
    for await (const sources of pages) {
      const rpms = await rpmsByBuild(ctx.app.db, row, repository, sources)
      const rendered = sources.flatMap(({ facts, build_ids }) => {
        const packages = updateinfoPackages(build_ids.flatMap((id) => rpms.get(id) ?? []))
        return packages.length > 0 ? [renderEntry({ ...facts, packages })] : []
      })
      entries += rendered.length
      await file.write(rendered.join(''))
      await nextTurn()
    }
    await file.write(updateinfoTail)
  } finally {
    await file.close()
  }
  return entries > 0
}

async function rpmsByBuild(
  db: Reader,
  row: PushRow,
  repository: RepositoryRow,
  sources: Source[],
): Promise<Map<number, PlacedRpm[]>> {
  const found = new Map<number, PlacedRpm[]>()
  const ids = [...new Set(sources.flatMap(({ build_ids }) => build_ids))]
  for (const part of chunks(ids, 100)) {
    for (const each of await draftedOf(db, row.id, repository.id, part))
      found.set(each.build.id, [...(found.get(each.build.id) ?? []), each])
    await nextTurn()
  }
  return found
}

async function* stableSources(ctx: Ctx, row: PushRow, members: Member[]): AsyncGenerator<Source[]> {
  const { db } = ctx.app
  const issued = new Set<string>()
  const going = members.filter(({ entry }) => entry.request === 'stable')
  const aliases = new Set(going.map(({ update: { alias } }) => alias))
  for await (const page of advisoriesOfRelease(db, row.release)) {
    for (const each of page) if (aliases.has(each.update_alias)) issued.add(each.update_alias)
    yield page.map((each) => ({ facts: updateinfoOf(ctx, each), build_ids: each.build_ids }))
  }
  const issued_at = must(row.planned_at, 'the date of a planned push')
  for (const part of chunks(going, 50)) {
    const due = part.filter(({ update: { alias } }) => !issued.has(alias))
    const numbers = await reservedNumbers(
      db,
      due.map(({ update: { alias } }) => alias),
    )
    const abouts = await advisoriesFor(
      db,
      due.map(({ update: member }) => member),
    )
    yield abouts.map((about) => {
      const alias = about.update_alias
      const reserved = must(numbers.get(alias), `the number of ${alias}`)
      const number = numberOf(ctx, about.type, reserved)
      const dates = { issued_at, updated_at: issued_at, summary: about.title }
      const facts = updateinfoOf(ctx, { ...about, ...dates, number, year: reserved.year })
      return { facts, build_ids: about.build_ids }
    })
  }
}

/** What updates say of themselves once they are stable. @param members at most some hundred */
export async function advisoriesFor(db: Reader, members: UpdateRow[]): Promise<NewAdvisory[]> {
  const ids = members.map(({ id }) => id)
  const builds = await buildsByUpdate(db, ids)
  const bugs = Map.groupBy(await bugsOfUpdates(db, ids), (each) => each.update_id)
  const cves = Map.groupBy(await cvesOfUpdates(db, ids), (each) => each.update_id)
  return members.map((member) =>
    advisoryOf(
      member,
      builds.get(member.id) ?? [],
      bugs.get(member.id) ?? [],
      cves.get(member.id) ?? [],
    ),
  )
}

function advisoryOf(
  member: UpdateRow,
  builds: BuildRow[],
  bugs: { number: string; url: string; title: string }[],
  cves: { cve: string }[],
): NewAdvisory {
  const { type, severity, title, release } = member
  return {
    ...{ type, severity, title, release, update_alias: member.alias, description: member.notes },
    reboot_suggested: member.reboot_suggested ? 1 : 0,
    references: [
      ...cves.map(({ cve }) => ({
        type: 'cve' as const,
        id: cve,
        href: `https://www.cve.org/CVERecord?id=${cve}`,
        title: cve,
      })),
      ...bugs.map((bug) => ({
        type: 'bugzilla' as const,
        id: bug.number,
        href: bug.url,
        title: bug.title,
      })),
    ],
    build_ids: builds.map(({ id }) => id),
  }
}

/** What is in testing has no advisory yet: its update's alias stands in the number's place. */
async function* testingSources(
  ctx: Ctx,
  row: PushRow,
  members: Member[],
): AsyncGenerator<Source[]> {
  const { db } = ctx.app
  const coming = members.filter(({ entry }) => entry.request === 'testing')
  for (const part of chunks(coming, 100))
    yield await testingPage(
      ctx,
      part.map((each) => each.update),
    )
  const here = new Set(coming.map((each) => each.update.id))
  for (let after = 0; ; ) {
    const rows = await db
      .select()
      .from(update)
      .where(
        and(eq(update.release, row.release), eq(update.status, 'testing'), gt(update.id, after)),
      )
      .orderBy(asc(update.id))
      .limit(100)
    const last = rows.at(-1)
    if (!last) return
    after = last.id
    yield await testingPage(
      ctx,
      rows.filter(({ id }) => !here.has(id)),
    )
  }
}

async function testingPage(ctx: Ctx, updates: UpdateRow[]): Promise<Source[]> {
  const { distribution, config, db } = ctx.app
  const builds = await buildsByUpdate(
    db,
    updates.map(({ id }) => id),
  )
  return updates.map((each) => {
    const href = `${config.url}/updates/${each.alias}`
    return {
      facts: {
        ...{ id: each.alias, type: each.type, status: 'testing', title: each.title },
        issued_at: each.created_at,
        updated_at: each.modified_at,
        severity: updateinfoSeverity(each.severity),
        summary: each.title,
        description: each.notes,
        rights: `Copyright ${distribution.vendor}`,
        release: distribution.name,
        from: distribution.mail_from,
        references: [{ type: 'self', id: each.alias, href, title: each.alias }],
        collection: releaseTags(each.release).testing,
        reboot_suggested: each.reboot_suggested,
      },
      build_ids: (builds.get(each.id) ?? []).map(({ id }) => id),
    }
  })
}
