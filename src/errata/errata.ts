/** Advisories: issued once when an update goes stable, their number and date kept for ever. */
import { and, desc, eq, inArray, like, lt, max, or } from 'drizzle-orm'
import { advisory } from '../../db/schema/errata.ts'
import { buildsById, rpmsOfBuilds } from '../builds/builds.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { decodeCursor, encodeCursor } from '../kernel/http.ts'
import type { PlacedRpm } from '../repos/repositories.ts'
import { advisoryNumber, type UpdateType, updateinfoSeverity } from './advisory.ts'
import type { UpdateinfoEntry, UpdateinfoPackage } from './updateinfo.ts'

export type AdvisoryRow = typeof advisory.$inferSelect

export interface NewAdvisory {
  update_alias: string
  release: string
  type: UpdateType
  severity: string
  title: string
  description: string
  references: AdvisoryRow['references']
  build_ids: number[]
}

/** Gives an update its advisory, or returns the one that it has. */
export async function issueAdvisory(tx: Tx, ctx: Ctx, input: NewAdvisory): Promise<AdvisoryRow> {
  const existing = await findByAlias(tx, input.update_alias)
  if (existing) return existing
  const now = ctx.app.clock.now()
  const year = new Date(now).getUTCFullYear()
  const [last] = await tx
    .select({ sequence: max(advisory.sequence) })
    .from(advisory)
    .where(eq(advisory.year, year))
  const sequence = (last?.sequence ?? 0) + 1
  const number = advisoryNumber(ctx.app.distribution.advisory_prefix, input.type, year, sequence)
  const [row] = await tx
    .insert(advisory)
    .values({
      ...input,
      number,
      year,
      sequence,
      summary: input.title,
      issued_at: now,
      updated_at: now,
    })
    .returning()
  if (!row) throw new Error('an advisory was not kept')
  await emit(tx, ctx, 'advisory.issued', `advisory:${number}`, {
    update: input.update_alias,
    type: input.type,
  })
  return row
}

async function findByAlias(db: Reader, alias: string): Promise<AdvisoryRow | undefined> {
  const [row] = await db.select().from(advisory).where(eq(advisory.update_alias, alias))
  return row
}

/** Advisories of these updates, by alias. */
export async function advisoriesOf(db: Reader, aliases: string[]) {
  if (aliases.length === 0) return new Map<string, AdvisoryRow>()
  const rows = await db.select().from(advisory).where(inArray(advisory.update_alias, aliases))
  return new Map(rows.map((row) => [row.update_alias, row]))
}

/** @throws PortalError not-found */
export async function getAdvisory(ctx: Ctx, number: string): Promise<AdvisoryRow> {
  const [row] = await ctx.app.db.select().from(advisory).where(eq(advisory.number, number))
  if (!row) throw new PortalError('not-found')
  return row
}

/** An advisory with its builds and their packages. @throws PortalError not-found */
export async function viewAdvisory(ctx: Ctx, number: string) {
  const row = await getAdvisory(ctx, number)
  return {
    advisory: row,
    builds: await buildsById(ctx.app.db, row.build_ids),
    rpms: await rpmsOfBuilds(ctx.app.db, row.build_ids),
  }
}

/** Newest first. */
export async function listAdvisories(
  ctx: Ctx,
  input: {
    release?: string | undefined
    type?: UpdateType | undefined
    cursor?: string | undefined
    limit: number
  },
): Promise<{ items: AdvisoryRow[]; next: string | null }> {
  const before = decodeCursor(input.cursor)
  const rows = await ctx.app.db
    .select()
    .from(advisory)
    .where(
      and(
        input.release === undefined ? undefined : eq(advisory.release, input.release),
        input.type === undefined ? undefined : eq(advisory.type, input.type),
        before === undefined ? undefined : lt(advisory.id, before),
      ),
    )
    .orderBy(desc(advisory.id))
    .limit(input.limit + 1)
  const items = rows.slice(0, input.limit)
  const last = items.at(-1)
  return { items, next: rows.length > input.limit && last ? encodeCursor(last.id) : null }
}

/** All advisories of a release, oldest first, for its repositories' updateinfo. */
export function advisoriesOfRelease(db: Reader, release: string): Promise<AdvisoryRow[]> {
  return db.select().from(advisory).where(eq(advisory.release, release)).orderBy(advisory.id)
}

/** The packages of some builds, as updateinfo lists them. */
export function updateinfoPackages(placed: PlacedRpm[], build_ids: number[]): UpdateinfoPackage[] {
  return placed
    .filter(({ build }) => build_ids.includes(build.id))
    .map(({ rpm, build }) => ({
      name: rpm.name,
      epoch: rpm.epoch,
      version: rpm.version,
      release: rpm.release,
      arch: rpm.arch,
      filename: rpm.filename,
      src: `${build.nvr}.src.rpm`,
      sha256: rpm.sha256,
    }))
}

/** An advisory as an entry of the updateinfo of one repository. */
export function updateinfoOf(ctx: Ctx, row: AdvisoryRow, placed: PlacedRpm[]): UpdateinfoEntry {
  const { distribution, config } = ctx.app
  const href = `${config.url}/errata/${row.number}`
  const self = { type: 'self', id: row.number, href, title: row.number }
  return {
    id: row.number,
    type: row.type,
    status: 'stable',
    title: row.title,
    issued_at: row.issued_at,
    updated_at: row.updated_at,
    severity: updateinfoSeverity(row.severity),
    summary: row.summary,
    description: row.description,
    rights: `Copyright ${row.year} ${distribution.vendor}`,
    release: distribution.name,
    from: distribution.mail_from,
    references: [self, ...row.references],
    collection: row.release,
    packages: updateinfoPackages(placed, row.build_ids),
    reboot_suggested: row.reboot_suggested === 1,
  }
}

/** Advisories whose number or title has the words in it, newest first. */
export function searchAdvisories(ctx: Ctx, words: string, limit: number): Promise<AdvisoryRow[]> {
  const pattern = `%${words.replace(/[\\%_]/g, '')}%`
  return ctx.app.db
    .select()
    .from(advisory)
    .where(or(like(advisory.number, pattern), like(advisory.title, pattern)))
    .orderBy(desc(advisory.id))
    .limit(limit)
}
