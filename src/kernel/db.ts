/**
 * The database behind one interface for SQLite and PostgreSQL. All that only one dialect knows is
 * here: connections, the write queue, migrations, advisory locks.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import { drizzle as drizzleSqlite } from 'drizzle-orm/better-sqlite3'
import { migrate as migrateSqlite } from 'drizzle-orm/better-sqlite3/migrator'
import { drizzle as drizzlePostgres } from 'drizzle-orm/node-postgres'
import { migrate as migratePostgres } from 'drizzle-orm/node-postgres/migrator'
import type { BaseSQLiteDatabase } from 'drizzle-orm/sqlite-core'
import pg from 'pg'
import { dialect } from '../../db/columns.ts'
import { root } from './paths.ts'
import { WriteQueue } from './write-queue.ts'

type Drizzle = BaseSQLiteDatabase<'async', unknown, Record<string, never>>

/** What may be asked outside a transaction. */
export type Reader = Pick<Drizzle, 'select' | 'selectDistinct' | '$count' | 'with'>

/** A transaction: reads see its own writes. */
export type Tx = Pick<Drizzle, 'insert' | 'update' | 'delete'> & Reader

export interface Database {
  reader: Reader
  /** Runs `work` in one transaction: all of it is durable when the promise resolves, or none. */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  migrate(): Promise<void>
  close(): Promise<void>
}

/** Events are numbered in the order of their commits; on PostgreSQL this lock sees to it. */
const EVENT_ORDER_LOCK = 0x510b

/** Statements that a connection keeps compiled; all that the portal asks fit several times. */
const STATEMENTS_KEPT = 1000

/**
 * Lets a connection compile each statement once: drizzle asks for it anew with every query, and compiling
 * costs more than most of them. The oldest are forgotten beyond a bound, for lists of varying length.
 */
function keepStatements(connection: Sqlite.Database): void {
  const kept = new Map<string, Sqlite.Statement>()
  const compile = connection.prepare.bind(connection)
  const prepare = (source: string): Sqlite.Statement => {
    let statement = kept.get(source)
    // A caller that asked for rows as arrays has left its mark on it.
    if (statement?.reader) statement.raw(false)
    statement ??= compile(source)
    kept.delete(source)
    kept.set(source, statement)
    const [oldest] = kept.keys()
    if (kept.size > STATEMENTS_KEPT && oldest !== undefined) kept.delete(oldest)
    return statement
  }
  connection.prepare = prepare as typeof connection.prepare
}

function openSqlite(file: string): Database {
  mkdirSync(dirname(file), { recursive: true })
  // It holds digests of passwords and tokens; SQLite gives its side files the same mode.
  closeSync(openSync(file, 'a', 0o600))
  const connect = () => {
    const connection = new Sqlite(file, { timeout: 15_000 })
    connection.pragma('journal_mode = WAL')
    connection.pragma('synchronous = FULL')
    connection.pragma('foreign_keys = ON')
    connection.pragma('cache_size = -65536')
    keepStatements(connection)
    return connection
  }
  const writing = connect()
  const reading = connect()
  reading.pragma('query_only = ON')
  const tx = drizzleSqlite(writing) as unknown as Tx
  const queue = new WriteQueue<Tx>(tx, (statement) => writing.prepare(statement).run())
  return {
    reader: drizzleSqlite(reading) as unknown as Reader,
    write: (work) => queue.run(work),
    migrate: async () => {
      migrateSqlite(drizzleSqlite(writing), {
        migrationsFolder: join(root, 'db/migrations/sqlite'),
      })
    },
    close: async () => {
      await queue.drain()
      reading.close()
      writing.close()
    },
  }
}

function openPostgres(url: string): Database {
  const pool = new pg.Pool({ connectionString: url, max: 10 })
  // An idle connection that the server ends is replaced at the next query; an `error` that nobody
  // listens to would end the program instead.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const orm = drizzlePostgres(pool)
  return {
    reader: orm as unknown as Reader,
    write: (work) => orm.transaction((tx) => work(tx as unknown as Tx)),
    migrate: () => migratePostgres(orm, { migrationsFolder: join(root, 'db/migrations/postgres') }),
    close: () => pool.end(),
  }
}

/**
 * @param sqliteFile used unless a PostgreSQL address is given
 * @throws Error when DATABASE_URL of the environment and `url` disagree: tables are made at import
 */
export function openDatabase(sqliteFile: string, url: string | undefined): Database {
  if ((url !== undefined) !== (dialect === 'postgres'))
    throw new Error('DATABASE_URL must be in the environment before the program starts.')
  return url === undefined ? openSqlite(sqliteFile) : openPostgres(url)
}

/** Holds back other writers of events until this transaction ends, so that none is read out of order. */
export async function lockEventOrder(tx: Tx): Promise<void> {
  if (dialect !== 'postgres') return
  await tx
    .select({ locked: sql`pg_advisory_xact_lock(${EVENT_ORDER_LOCK})` })
    .from(sql`(select 1) as one`)
}

/** Codes of an error and of what caused it, outermost first. */
function codesOf(error: unknown): string[] {
  const codes: string[] = []
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as Error & { code?: unknown }
    if (typeof code === 'string') codes.push(code)
  }
  return codes
}

/**
 * Whether an error is a unique index refusing a row: the way races over a name are decided.
 * Codes: SQLite SQLITE_CONSTRAINT_UNIQUE and _PRIMARYKEY, PostgreSQL 23505.
 */
export function isUniqueViolation(error: unknown): boolean {
  const unique = ['23505', 'SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY']
  return codesOf(error).some((code) => unique.includes(code))
}

/** Whether PostgreSQL refused text for a NUL character in it (22021, in JSON 22P05); SQLite takes it. */
export function isNulRefusal(error: unknown): boolean {
  return codesOf(error).some((code) => code === '22021' || code === '22P05')
}
