/** What a push plans for the repositories, as rows: kept, read, and made the current content when it publishes. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { and, asc, count, eq, gt, inArray, isNull, type SQL, sql } from 'drizzle-orm'
import { build, rpm } from '../../db/schema/builds.ts'
import { type generation, push_content, repository, repository_rpm } from '../../db/schema/repos.ts'
import { AT_ONCE, chunks } from '../kernel/chunks.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { type ContentPlan, membersAfter, type PlacedRpm } from './content.ts'

/** Thrown where a file of the plan is just being taken out of the tree; a moment later it can be brought back. */
export class StillLeaving extends Error {}

/**
 * Keeps a plan in place of what the push planned before.
 * @throws StillLeaving
 */
export async function keepPlan(tx: Tx, push_id: number, plan: ContentPlan): Promise<void> {
  await undoPlan(tx, push_id)
  const ids = [...new Set(plan.changes.map((each) => each.repository_id))].sort((a, b) => a - b)
  // Whoever takes files out of a tree holds its repository's row, too.
  for (const id of ids) await holdRepository(tx, id)
  for (const part of chunks(plan.changes)) {
    await tx.insert(push_content).values(part.map((each) => ({ ...each, push_id })))
    await nextTurn()
  }
  const leaving = await tx
    .select({ id: repository_rpm.id })
    .from(repository_rpm)
    .innerJoin(
      push_content,
      and(
        eq(push_content.repository_id, repository_rpm.repository_id),
        eq(push_content.rpm_id, repository_rpm.rpm_id),
      ),
    )
    .where(and(eq(push_content.push_id, push_id), eq(repository_rpm.leaving, true)))
    .limit(1)
  if (leaving.length > 0)
    throw new StillLeaving('a package of this push is just being taken out of the tree')
}

/**
 * Forgets a plan. What it would have added may lie in the tree already; it is noted as left before any
 * generation, so that the next settling takes it out.
 */
export async function undoPlan(tx: Tx, push_id: number): Promise<void> {
  for (let after = 0; ; ) {
    const rows = await plannedAfter(tx, eq(push_content.push_id, push_id), after)
    const last = rows.at(-1)
    if (!last) break
    after = last.id
    const added = rows.filter(({ action }) => action === 'add')
    const stray = added.map(({ repository_id, rpm_id }) => ({
      ...{ repository_id, rpm_id, from_generation: 0, to_generation: 0 },
    }))
    if (stray.length > 0) await tx.insert(repository_rpm).values(stray)
    await nextTurn()
  }
  await tx.delete(push_content).where(eq(push_content.push_id, push_id))
}

function plannedAfter(db: Reader, which: SQL | undefined, after: number) {
  return db
    .select()
    .from(push_content)
    .where(and(which, gt(push_content.id, after)))
    .orderBy(asc(push_content.id))
    .limit(AT_ONCE)
}

/** Makes others that change what is in a repository wait for this transaction's end. */
export async function holdRepository(tx: Tx, id: number): Promise<void> {
  await tx.update(repository).set({ id }).where(eq(repository.id, id))
}

/** Makes a draft's content the current one. Part of the transaction that publishes it. */
export async function applyPlan(
  tx: Tx,
  push_id: number,
  draft: typeof generation.$inferSelect,
): Promise<void> {
  const { repository_id, id: from_generation } = draft
  const planned = and(
    eq(push_content.push_id, push_id),
    eq(push_content.repository_id, repository_id),
  )
  for (let after = 0; ; ) {
    const rows = await plannedAfter(tx, planned, after)
    const last = rows.at(-1)
    if (!last) break
    after = last.id
    const of = (action: 'add' | 'remove') =>
      rows.filter((each) => each.action === action).map((each) => each.rpm_id)
    const added = of('add').map((rpm_id) => ({ repository_id, rpm_id, from_generation }))
    if (added.length > 0) await tx.insert(repository_rpm).values(added)
    await tx
      .update(repository_rpm)
      .set({ to_generation: from_generation })
      .where(
        and(
          eq(repository_rpm.repository_id, repository_id),
          isNull(repository_rpm.to_generation),
          inArray(repository_rpm.rpm_id, of('remove')),
        ),
      )
    await nextTurn()
  }
  await tx.delete(push_content).where(planned)
}

/**
 * What a list of packages needs of them. There are tens of thousands: one column is read in a third of the time of
 * seven. No part has a tab in it, for names and versions are checked when packages are taken.
 */
const listed = {
  id: rpm.id,
  filename: rpm.filename,
  unsigned_sha256: rpm.unsigned_sha256,
  said: sql<string>`${rpm.sha256} || '\t' || ${rpm.size_bytes} || '\t' || ${rpm.name} || '\t' || case ${rpm.epoch} when 0 then '' else ${rpm.epoch} || ':' end || ${rpm.version} || '-' || ${rpm.release} || '\t' || ${rpm.arch}`,
}

export interface DraftFile {
  rpm: Pick<typeof rpm.$inferSelect, 'id' | 'filename' | 'unsigned_sha256'> & {
    /** SHA-256, size, name, EVR (without an epoch of 0) and arch, tabs between. */
    said: string
  }
  /** New in this generation: its file has to be linked into the tree. */
  added: boolean
}

/** All packages that a draft will hold, some at a time: first those that stay, then those that come. */
export async function* draftFiles(
  db: Reader,
  push_id: number,
  repository_id: number,
): AsyncGenerator<DraftFile[]> {
  const planned = and(
    eq(push_content.push_id, push_id),
    eq(push_content.repository_id, repository_id),
  )
  for (let after = 0; ; ) {
    const rows = await db
      .select({ id: repository_rpm.id, rpm: listed, action: push_content.action })
      .from(repository_rpm)
      .innerJoin(rpm, eq(rpm.id, repository_rpm.rpm_id))
      .leftJoin(push_content, and(planned, eq(push_content.rpm_id, repository_rpm.rpm_id)))
      .where(membersAfter(repository_id, after))
      .orderBy(asc(repository_rpm.id))
      .limit(AT_ONCE)
    const last = rows.at(-1)
    if (!last) break
    after = last.id
    yield rows
      .filter(({ action }) => action === null)
      .map((row) => ({ rpm: row.rpm, added: false }))
    await nextTurn()
  }
  for (let after = 0; ; ) {
    const rows = await db
      .select({ id: push_content.id, rpm: listed })
      .from(push_content)
      .innerJoin(rpm, eq(rpm.id, push_content.rpm_id))
      .where(and(planned, eq(push_content.action, 'add'), gt(push_content.id, after)))
      .orderBy(asc(push_content.id))
      .limit(AT_ONCE)
    const last = rows.at(-1)
    if (!last) break
    after = last.id
    yield rows.map((row) => ({ rpm: row.rpm, added: true }))
    await nextTurn()
  }
}

/** Those of some builds' packages that a draft will hold. */
export async function draftedOf(
  db: Reader,
  push_id: number,
  repository_id: number,
  build_ids: number[],
): Promise<PlacedRpm[]> {
  const rows = await db
    .select({
      rpm,
      build: { id: build.id, name: build.name, nvr: build.nvr },
      member: repository_rpm.id,
      action: push_content.action,
    })
    .from(rpm)
    .innerJoin(build, eq(build.id, rpm.build_id))
    .leftJoin(
      repository_rpm,
      and(
        eq(repository_rpm.repository_id, repository_id),
        eq(repository_rpm.rpm_id, rpm.id),
        isNull(repository_rpm.to_generation),
      ),
    )
    .leftJoin(
      push_content,
      and(
        eq(push_content.push_id, push_id),
        eq(push_content.repository_id, repository_id),
        eq(push_content.rpm_id, rpm.id),
      ),
    )
    .where(inArray(rpm.build_id, build_ids))
    .orderBy(asc(rpm.filename))
  return rows.filter(
    ({ member, action }) => action === 'add' || (member !== null && action === null),
  )
}

/** How many packages a push adds to a repository and takes from it. */
export async function countPlan(db: Reader, push_id: number, repository_id: number) {
  const rows = await db
    .select({ action: push_content.action, n: count() })
    .from(push_content)
    .where(and(eq(push_content.push_id, push_id), eq(push_content.repository_id, repository_id)))
    .groupBy(push_content.action)
  const of = (action: string) => rows.find((row) => row.action === action)?.n ?? 0
  return { added: of('add'), removed: of('remove') }
}
