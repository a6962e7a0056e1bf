/** A PostgreSQL database for one test file, where the run is told to use PostgreSQL. */
import pg from 'pg'

export interface TestDatabase {
  url: string
  drop(): Promise<void>
}

/** @returns undefined in a SQLite run, that is without DATABASE_URL in the environment */
export async function postgresDatabase(name: string): Promise<TestDatabase | undefined> {
  const server = process.env.DATABASE_URL
  if (!server) return undefined
  await administer(server, `create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => administer(server, `drop database ${name} with (force)`) }
}

async function administer(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
