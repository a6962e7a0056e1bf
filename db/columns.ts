/**
 * The portable column kit: tables are written once and become SQLite or PostgreSQL tables by
 * DATABASE_URL. Types are SQLite's for both (checked: inserts with returning, upserts, joins, counts
 * and conditional updates behave the same). What only one dialect knows belongs in kernel/db.ts.
 */
import * as pg from 'drizzle-orm/pg-core'
import * as sqlite from 'drizzle-orm/sqlite-core'

export type Dialect = 'sqlite' | 'postgres'

/** The dialect of this process; chosen once, since table objects are made at import. */
export const dialect: Dialect = /^postgres(ql)?:/.test(process.env.DATABASE_URL ?? '')
  ? 'postgres'
  : 'sqlite'

function pick<T>(forSqlite: T, forPostgres: unknown): T {
  return dialect === 'sqlite' ? forSqlite : (forPostgres as T)
}

export const table = pick(sqlite.sqliteTable, pg.pgTable)
export const index = pick(sqlite.index, pg.index)
export const unique = pick(sqlite.uniqueIndex, pg.uniqueIndex)
/** A table under another name, to join it with itself. */
export const alias = pick(sqlite.alias, pg.alias)
export const primaryKey = pick(sqlite.primaryKey, pg.primaryKey)

/** An automatic number that is never used twice, as primary key. */
export const id = () =>
  pick(
    sqlite.integer().primaryKey({ autoIncrement: true }),
    dialect === 'postgres' &&
      pg.bigint({ mode: 'number' }).primaryKey().generatedByDefaultAsIdentity(),
  )

/** A whole number of up to 53 bits. */
export const int = () => pick(sqlite.integer(), pg.bigint({ mode: 'number' }))

/** Unicode text of any length; callers bound it before it comes here. */
export const text = <T extends string = string>() => pick(sqlite.text().$type<T>(), pg.text())

/** A number with a fraction: degrees, ratios. */
export const real = () => pick(sqlite.real(), pg.doublePrecision())

export const bool = () => pick(sqlite.integer({ mode: 'boolean' }), pg.boolean())

/** A moment: milliseconds since 1970-01-01 UTC, as the clock gives them. */
export const time = int

/** A JSON value of type T; not searched in. */
export const json = <T>() => pick(sqlite.text({ mode: 'json' }).$type<T>(), pg.jsonb())
