/** Upstream's list of packages: read, kept, and compared with what was there before. */
import { and, eq, inArray } from 'drizzle-orm'
import { upstream_import, upstream_package } from '../../db/schema/upstream.ts'
import { describeRelease } from '../distribution/releases.ts'
import { requireRole } from '../kernel/access.ts'
import { audit } from '../kernel/audit.ts'
import { actorName, type Ctx } from '../kernel/context.ts'
import type { Tx } from '../kernel/db.ts'
import { invalid } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { reason } from '../kernel/reason.ts'
import { transaction } from '../kernel/transaction.ts'
import { readSourceRepository } from './metadata.ts'
import { type ImportRow, importRows, type UpstreamRow, upstreamRows } from './queries.ts'
import { newestOfEach, type SourcePackage } from './upstream-package.ts'

export type { ImportRow, UpstreamRow } from './queries.ts'
export { shippedUpstream } from './queries.ts'

export interface ImportInput {
  release: string
  /** Id of our repository. */
  repository: string
  /** Address or folder of upstream's source repository. */
  source: string
}

/**
 * Takes upstream's source packages as what the release must reach.
 * @throws PortalError not-found, input.invalid, account.*
 */
export async function importUpstream(ctx: Ctx, input: ImportInput): Promise<ImportRow> {
  requireRole(ctx, 'admin', 'admin')
  const about = describeRelease(ctx.app, input.release)
  if (!about.repositories.some(({ id }) => id === input.repository)) {
    const known = about.repositories.map(({ id }) => id).join(', ')
    throw invalid('repository', reason('upstream.repository', { known }))
  }
  const { packages, repomd_sha256 } = await readSourceRepository(input.source)
  const newest = newestOfEach(packages)
  return transaction(ctx, async (tx) => {
    const counts = await replaceList(tx, ctx, input, newest)
    const at = ctx.app.clock.now()
    const [row] = await tx
      .insert(upstream_import)
      .values({
        ...{ release: input.release, repository: input.repository, source: input.source },
        ...{ repomd_sha256, packages: newest.size, ...counts, actor: actorName(ctx.actor), at },
      })
      .returning()
    if (!row) throw new Error('an import was not kept')
    const subject = `release:${input.release}`
    const details = { repository: input.repository, source: input.source, ...counts }
    await audit(tx, ctx, { action: 'upstream.imported', subject, details })
    await emit(tx, ctx, 'upstream.imported', subject, details)
    return row
  })
}

/** Rows of one statement: databases bound the parameters of one. */
const ROWS = 500

async function replaceList(
  tx: Tx,
  ctx: Ctx,
  { release, repository }: ImportInput,
  newest: Map<string, SourcePackage>,
) {
  const now = ctx.app.clock.now()
  const before = new Map((await upstreamRows(tx, release, repository)).map((r) => [r.name, r]))
  const fresh = [...newest.values()].filter(({ name }) => !before.has(name))
  const outdated = [...newest.values()].flatMap((each) => {
    const row = before.get(each.name)
    if (!row) return []
    const moved = !isSame(row, each)
    return moved || row.requires.join() !== each.requires.join() ? [{ each, moved }] : []
  })
  const gone = [...before.values()].filter(({ name }) => !newest.has(name)).map(({ id }) => id)
  const rows = fresh.map(({ release: rpm_release, ...each }) => ({
    ...each,
    ...{ rpm_release, release, repository, first_seen_at: now, changed_at: now },
  }))
  for (let at = 0; at < rows.length; at += ROWS)
    await tx.insert(upstream_package).values(rows.slice(at, at + ROWS))
  for (const { each, moved } of outdated) {
    const { name, epoch, version, release: rpm_release, requires } = each
    await tx
      .update(upstream_package)
      .set({ epoch, version, rpm_release, requires, ...(moved && { changed_at: now }) })
      .where(
        and(
          eq(upstream_package.release, release),
          eq(upstream_package.repository, repository),
          eq(upstream_package.name, name),
        ),
      )
  }
  for (let at = 0; at < gone.length; at += ROWS)
    await tx.delete(upstream_package).where(inArray(upstream_package.id, gone.slice(at, at + ROWS)))
  const changed = outdated.filter(({ moved }) => moved).length
  return { added: fresh.length, changed, removed: gone.length }
}

const isSame = (row: UpstreamRow, each: SourcePackage) =>
  row.epoch === each.epoch && row.version === each.version && row.rpm_release === each.release

/** All packages that upstream ships in a release, by name. */
export function listUpstream(ctx: Ctx, release: string): Promise<UpstreamRow[]> {
  return upstreamRows(ctx.app.db, release)
}

/** When upstream's list was read, newest first. */
export function listImports(ctx: Ctx, release: string, limit = 10): Promise<ImportRow[]> {
  return importRows(ctx.app.db, release, limit)
}
