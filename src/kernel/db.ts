/**
 * The database behind one interface for SQLite and PostgreSQL. All that only one dialect knows is
 * here: connections, the write queue, migrations, advisory locks, what its errors mean.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import { drizzle as drizzleSqlite } from 'drizzle-orm/better-sqlite3'
import { migrate as migrateSqlite } from 'drizzle-orm/better-sqlite3/migrator'
import { drizzle as drizzlePostgres } from 'drizzle-orm/node-postgres'
import { migrate as migratePostgres } from 'drizzle-orm/node-postgres/migrator'
import type { BaseSQLiteDatabase } from 'drizzle-orm/sqlite-core'
import pg from 'pg'
import { dialect } from '../../db/columns.ts'
import { SECOND_MS } from './clock.ts'
import { PortalError } from './errors.ts'
import { root } from './paths.ts'
import { WriteQueue } from './write-queue.ts'

type Drizzle = BaseSQLiteDatabase<'async', unknown, Record<string, never>>

/** What may be asked outside a transaction. */
export type Reader = Pick<Drizzle, 'select' | 'selectDistinct' | '$count' | 'with'>

/** A transaction: reads see its own writes. */
export type Tx = Pick<Drizzle, 'insert' | 'update' | 'delete'> & Reader

export interface Database {
  reader: Reader
  /**
   * Runs `work` in one transaction: all of it is durable when the promise resolves, or none. It runs again
   * when another transaction stood in its way.
   * @throws PortalError database.busy when that goes on
   */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /**
   * The clock that all processes share, whatever their hosts' clocks say: leases are measured by it.
   * @returns milliseconds since the epoch
   */
  now(db: Reader): Promise<number>
  /**
   * Another word whenever something was committed, by whatever process; sometimes without a reason. Cheap
   * enough to be asked many times a second.
   */
  pulse(): Promise<string>
  migrate(): Promise<void>
  close(): Promise<void>
}

export interface DatabaseOptions {
  /** Connections of one process that read, and others that write: neither can use up the other's. */
  readers: number
  writers: number
  /** Told of every statement before it runs. */
  logger?: { logQuery(query: string, params: unknown[]): void }
}

/** Events are numbered in the order of their commits; on PostgreSQL this lock sees to it. */
const EVENT_ORDER_LOCK = 0x510b
/** One process at a time applies migrations. */
const MIGRATION_LOCK = 0x510c

/** Whoever has waited so long for others to write is told to come again. */
const PATIENCE_MS = 30 * SECOND_MS
/** How often work is done again that the database ended in favour of another transaction. */
const RETRIES = 12
/** Seconds after which one may come again. */
const BUSY_WAIT_S = 5

/** What an asker is told when the database had no time. */
export const busy = () => new PortalError('database.busy', { params: { wait_s: BUSY_WAIT_S } })

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

/** While a program starts nothing else waits for its loop; SQLite may then take its time. */
const START_TIMEOUT_MS = 15 * SECOND_MS
/**
 * Readers of a WAL wait for nobody but who mends one after a crash. This is all that the loop may lose to
 * it; a reader that then fails is told to come again.
 */
const READ_TIMEOUT_MS = 25

function openSqlite(file: string, { logger }: DatabaseOptions): Database {
  mkdirSync(dirname(file), { recursive: true })
  // It holds digests of passwords and tokens; SQLite gives its side files the same mode.
  closeSync(openSync(file, 'a', 0o600))
  const connect = (timeout_ms: number) => {
    const connection = new Sqlite(file, { timeout: START_TIMEOUT_MS })
    connection.pragma('journal_mode = WAL')
    connection.pragma('synchronous = FULL')
    connection.pragma('foreign_keys = ON')
    connection.pragma('cache_size = -65536')
    connection.pragma(`busy_timeout = ${timeout_ms}`)
    keepStatements(connection)
    return connection
  }
  const writing = connect(0)
  const reading = connect(READ_TIMEOUT_MS)
  reading.pragma('query_only = ON')
  const watched = logger ? { logger } : {}
  const version = reading.prepare('PRAGMA data_version').pluck()
  const queue = new WriteQueue<Tx>({
    tx: drizzleSqlite(writing, watched) as unknown as Tx,
    exec: (statement) => writing.prepare(statement).run(),
    isBusy: isDatabaseBusy,
    gaveUp: busy,
    patience_ms: PATIENCE_MS,
  })
  return {
    reader: drizzleSqlite(reading, watched) as unknown as Reader,
    write: (work) => queue.run(work),
    // The file is on one host, whose clock is the clock of all who open it.
    now: async () => Date.now(),
    pulse: async () => String(version.get()),
    migrate: async () => {
      writing.pragma(`busy_timeout = ${START_TIMEOUT_MS}`)
      migrateSqlite(drizzleSqlite(writing), {
        migrationsFolder: join(root, 'db/migrations/sqlite'),
      })
      writing.pragma('busy_timeout = 0')
    },
    close: async () => {
      await queue.drain()
      reading.close()
      writing.close()
    },
  }
}

/** Bounds of what one statement may wait or work for. */
const POSTGRES_TIMES = {
  connectionTimeoutMillis: PATIENCE_MS,
  statement_timeout: 2 * PATIENCE_MS,
  lock_timeout: PATIENCE_MS,
  // A process that is stopped in the middle of a transaction holds its rows no longer than this.
  idle_in_transaction_session_timeout: 2 * PATIENCE_MS,
}

function openPostgres(url: string, { readers, writers, logger }: DatabaseOptions): Database {
  const connect = (max: number) => {
    const pool = new pg.Pool({ connectionString: url, max, ...POSTGRES_TIMES })
    // An idle connection that the server ends is replaced at the next query; an `error` that nobody
    // listens to would end the program instead.
    pool.on('error', () => {})
    pool.on('connect', (client) => client.on('error', () => {}))
    return pool
  }
  const [reading, writing] = [connect(readers), connect(writers)]
  const watched = logger ? { logger } : {}
  const orm = drizzlePostgres(writing, watched)
  const reader = drizzlePostgres(reading, watched)
  return {
    reader: reader as unknown as Reader,
    write: (work) => again(() => orm.transaction((tx) => work(tx as unknown as Tx))),
    async now(db) {
      const at = sql<string>`(extract(epoch from clock_timestamp()) * 1000)::bigint`
      const [row] = await db.select({ at }).from(sql`(select 1) as one`)
      return Number(row?.at)
    },
    async pulse() {
      const { rows } = await reading.query<{ at: string }>(
        'select pg_current_wal_insert_lsn()::text as at',
      )
      return rows[0]?.at ?? ''
    },
    migrate: () => migratePostgresAlone(url),
    close: async () => {
      await Promise.all([reading.end(), writing.end()])
    },
  }
}

/** Without the pools' times: a migration may take long, and waits for another process that migrates. */
async function migratePostgresAlone(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    await migratePostgres(drizzlePostgres(client), {
      migrationsFolder: join(root, 'db/migrations/postgres'),
    })
  } finally {
    await client.end()
  }
}

/** Runs a transaction again when the database ended it for the sake of another one, after a short pause. */
async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if (!isSerializationFailure(error)) throw error
      if (tries > RETRIES) throw busy()
    }
    // Chance parts those that met: 5 ms on the average after the first meeting, 160 ms after the sixth.
    await sleep(Math.random() * 10 * 2 ** Math.min(tries - 1, 5))
  }
}

/**
 * @param sqliteFile used unless a PostgreSQL address is given
 * @throws Error when DATABASE_URL of the environment and `url` disagree: tables are made at import
 */
export function openDatabase(
  sqliteFile: string,
  url: string | undefined,
  options: DatabaseOptions,
): Database {
  if ((url !== undefined) !== (dialect === 'postgres'))
    throw new Error('DATABASE_URL must be in the environment before the program starts.')
  return url === undefined ? openSqlite(sqliteFile, options) : openPostgres(url, options)
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

/** Whether PostgreSQL ended a transaction that would have gone through alone: deadlock, order of commits. */
function isSerializationFailure(error: unknown): boolean {
  return codesOf(error).some((code) => code === '40P01' || code === '40001')
}

/**
 * Whether the database had no time for what was asked: another process writes, all connections are in use
 * or taken, a statement waited or worked for too long. Asked again, it may go through.
 * Codes: SQLite SQLITE_BUSY…; PostgreSQL 40P01, 40001, 53300, 55P03, 57014, 57P03.
 */
export function isDatabaseBusy(error: unknown): boolean {
  const codes = ['40P01', '40001', '53300', '55P03', '57014', '57P03']
  if (codesOf(error).some((code) => code.startsWith('SQLITE_BUSY') || codes.includes(code)))
    return true
  // The pool's own error has no code.
  return error instanceof Error && /timeout exceeded when trying to connect/.test(causes(error))
}

const causes = (error: Error): string =>
  error.cause instanceof Error ? `${error.message} ${causes(error.cause)}` : error.message
