/** Advisories: issued once when an update goes stable, their number and date kept for ever. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { and, asc, desc, eq, gt, inArray, like, lt, max, or } from 'drizzle-orm'
import { advisory, advisory_reservation } from '../../db/schema/errata.ts'
import { buildsById, rpmsOfBuilds } from '../builds/builds.ts'
import { chunks } from '../kernel/chunks.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'
import { PortalError } from '../kernel/errors.ts'
import { emit } from '../kernel/events.ts'
import { decodeCursor, encodeCursor } from '../kernel/http.ts'
import { must } from '../kernel/must.ts'
import type { PlacedRpm } from '../repos/content.ts'
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
  /** 1: clients are told to reboot. */
  reboot_suggested: number
}

export interface ReservedNumber {
  year: number
  sequence: number
}

/**
 * Numbers of updates' advisories: those that they were given before, or the next ones. They may be named in
 * metadata before the advisories are issued. @param now milliseconds since the epoch; new numbers have its year
 */
export async function reserveNumbers(
  tx: Tx,
  aliases: string[],
  now: number,
): Promise<Map<string, ReservedNumber>> {
  const year = new Date(now).getUTCFullYear()
  const numbers = new Map<string, ReservedNumber>()
  for (const part of chunks(aliases))
    for (;;) {
      for (const [alias, number] of await reservedNumbers(tx, part)) numbers.set(alias, number)
      const due = part.filter((alias) => !numbers.has(alias))
      if (due.length === 0) break
      const { sequence } = advisory_reservation
      const [last] = await tx
        .select({ sequence: max(sequence) })
        .from(advisory_reservation)
        .where(eq(advisory_reservation.year, year))
      const next = (last?.sequence ?? 0) + 1
      // Another release's push may take the same ones: the index decides, and the loser looks again.
      await tx
        .insert(advisory_reservation)
        .values(due.map((update_alias, at) => ({ update_alias, year, sequence: next + at })))
        .onConflictDoNothing()
    }
  return numbers
}

/** Numbers that updates were given, by alias. */
export async function reservedNumbers(
  db: Reader,
  aliases: string[],
): Promise<Map<string, ReservedNumber>> {
  const rows = await db
    .select()
    .from(advisory_reservation)
    .where(inArray(advisory_reservation.update_alias, aliases))
  return new Map(rows.map((row) => [row.update_alias, row]))
}

/** What an advisory will be called. The letter follows the type, which an update may still change. */
export function numberOf(ctx: Ctx, type: UpdateType, { year, sequence }: ReservedNumber): string {
  return advisoryNumber(ctx.app.distribution.advisory_prefix, type, year, sequence)
}

/**
 * Issues updates' advisories under their numbers; one that is issued stays as it is.
 * @param issued_at as the metadata says that is published with them
 */
export async function issueAdvisories(
  tx: Tx,
  ctx: Ctx,
  inputs: NewAdvisory[],
  issued_at: number,
): Promise<void> {
  const aliases = inputs.map((each) => each.update_alias)
  const numbers = await reserveNumbers(tx, aliases, issued_at)
  for (const part of chunks(inputs, 200)) {
    const rows = await tx
      .insert(advisory)
      .values(
        part.map((input) => {
          const { year, sequence } = must(numbers.get(input.update_alias))
          const number = numberOf(ctx, input.type, { year, sequence })
          const dates = { issued_at, updated_at: issued_at }
          return { ...input, ...dates, number, year, sequence, summary: input.title }
        }),
      )
      .onConflictDoNothing({ target: advisory.update_alias })
      .returning()
    for (const { number, update_alias, type } of rows)
      await emit(tx, ctx, 'advisory.issued', `advisory:${number}`, { update: update_alias, type })
    await nextTurn()
  }
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

/** Advisories of a release, oldest first, some at a time. */
export async function* advisoriesOfRelease(
  db: Reader,
  release: string,
): AsyncGenerator<AdvisoryRow[]> {
  for (let after = 0; ; ) {
    const rows = await db
      .select()
      .from(advisory)
      .where(and(eq(advisory.release, release), gt(advisory.id, after)))
      .orderBy(asc(advisory.id))
      .limit(100)
    const last = rows.at(-1)
    if (!last) return
    after = last.id
    yield rows
  }
}

/** Packages as updateinfo lists them. */
export function updateinfoPackages(placed: PlacedRpm[]): UpdateinfoPackage[] {
  return placed.map(({ rpm, build }) => ({
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

/** What updateinfo says of an advisory, besides its packages. */
export type UpdateinfoFacts = Omit<UpdateinfoEntry, 'packages'>

/** An advisory as updateinfo has it. */
export function updateinfoOf(
  ctx: Ctx,
  row: Omit<AdvisoryRow, 'id' | 'sequence' | 'update_alias' | 'build_ids'>,
): UpdateinfoFacts {
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
