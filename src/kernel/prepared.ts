/**
 * Queries that come with nearly every request. Drizzle writes the SQL of a query anew each time, which takes longer
 * than most of them take the database; these are written once for each database that is asked.
 */
import { dialect } from '../../db/columns.ts'
import type { Reader } from './db.ts'

/** What drizzle makes of a query; the two databases differ in what a prepared one is asked by. */
interface Built<Row> {
  prepare(): { all(values?: Record<string, unknown>): Promise<Row[]> }
}

interface BuiltForPostgres<Row> {
  prepare(name: string): { execute(values: Record<string, unknown>): Promise<Row[]> }
}

/**
 * @param name of the statement on the server, one for each query
 * @param build the query, with sql.placeholder() for what changes
 * @returns what asks it
 */
export function prepared<Values extends Record<string, unknown>, Row>(
  name: string,
  build: (db: Reader) => Built<Row>,
): (db: Reader, values: Values) => Promise<Row[]> {
  const kept = new WeakMap<Reader, (values: Values) => Promise<Row[]>>()
  const make = (db: Reader): ((values: Values) => Promise<Row[]>) => {
    if (dialect === 'postgres') {
      const query = (build(db) as unknown as BuiltForPostgres<Row>).prepare(name)
      return (values) => query.execute(values)
    }
    const query = build(db).prepare()
    return async (values) => query.all(values)
  }
  return (db, values) => {
    const ask = kept.get(db) ?? make(db)
    kept.set(db, ask)
    return ask(values)
  }
}
