/** Generates migrations for both dialects: `npm run db:generate`. */
import { defineConfig } from 'drizzle-kit'

const postgres = /^postgres/.test(process.env.DATABASE_URL ?? '')

export default defineConfig({
  dialect: postgres ? 'postgresql' : 'sqlite',
  schema: './db/schema/*.ts',
  out: postgres ? './db/migrations/postgres' : './db/migrations/sqlite',
})
