/** Writes the migrations that the schema wants, for SQLite and PostgreSQL alike. */
import { spawnSync } from 'node:child_process'

const named = process.argv.slice(2)
for (const DATABASE_URL of ['', 'postgres://generate/only']) {
  const { status } = spawnSync('npx', ['drizzle-kit', 'generate', ...named], {
    env: { ...process.env, DATABASE_URL },
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
}
