/**
 * Three projects, so that `npm test` can order them: `fast` (rules, verbs, API; in parallel), `data` (the
 * same tests that touch the database, for a run on PostgreSQL), `real` (sandboxes, clients, browser,
 * faults; one after another, since they share a machine of few cores).
 */
import { defineConfig } from 'vitest/config'

const real = ['tests/{builder,clients,e2e,faults,old-data,power}/**/*.test.ts']
const rooms =
  '{kernel,accounts,distribution,tasks,packages,builds,repos,errata,updates,upstream,mirrors,downloads,releases,status}'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'fast',
          include: ['tests/**/*.test.ts'],
          exclude: [...real, 'tests/bench/**'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'data',
          include: [`tests/${rooms}/**/*.test.ts`],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'real',
          include: real,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
