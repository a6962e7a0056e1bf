/** A migrated App on a database of its own, with a clock and a randomness that tests command. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp } from '../../src/app.ts'
import type { Clock } from '../../src/kernel/clock.ts'
import { readConfig } from '../../src/kernel/config.ts'
import type { Actor, App, Ctx, Role } from '../../src/kernel/context.ts'
import type { Random } from '../../src/kernel/random.ts'
import { postgresDatabase } from './postgres.ts'

export interface FakeClock extends Clock {
  advance(ms: number): void
}

/** Begins at 2026-01-05 12:00 UTC, a Monday, unless told. */
export function fakeClock(start_ms = Date.UTC(2026, 0, 5, 12)): FakeClock {
  let now_ms = start_ms
  return {
    now: () => now_ms,
    advance: (ms) => {
      now_ms += ms
    },
  }
}

/** Bytes that look random and are the same in every run. */
export function seededRandom(seed = 'slipway'): Random {
  let counter = 0
  return {
    bytes(count) {
      const blocks: Buffer[] = []
      for (let have = 0; have < count; have += 32)
        blocks.push(createHash('sha256').update(`${seed}:${counter++}`).digest())
      return Buffer.concat(blocks).subarray(0, count)
    },
  }
}

export interface TestApp extends App {
  clock: FakeClock
  /** Closes the database and removes its files. */
  end(): Promise<void>
}

/** @param overrides what the test replaces; env entries go over the process's own */
export async function testApp(
  options: { env?: Record<string, string>; overrides?: Partial<App> } = {},
): Promise<TestApp> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-test-'))
  mkdirSync(join(folder, 'pub'))
  const postgres = await postgresDatabase(`t${randomUUID().replaceAll('-', '')}`)
  const config = readConfig({
    SLIPWAY_DATA: folder,
    LOG_LEVEL: 'silent',
    SLIPWAY_URL: 'http://portal.test',
    ...(postgres && { DATABASE_URL: postgres.url }),
    ...options.env,
  })
  const clock = fakeClock()
  const app = createApp({
    config,
    overrides: { clock, random: seededRandom(folder), ...options.overrides },
  })
  await app.database.migrate()
  // Rules about time are tested by one clock.
  app.database.now = async () => clock.now()
  return {
    ...app,
    clock,
    async end() {
      await app.database.close()
      await postgres?.drop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A context for a person who needs no row, such as `person:ann` with roles. */
export function ctxOf(app: App, actor: Actor = { kind: 'system', name: 'test' }): Ctx {
  return { app, actor, requestId: 'test' }
}

export function personActor(id: number, username: string, roles: Role[] = ['member']): Actor {
  return {
    kind: 'person',
    id,
    username,
    roles,
    scopes: ['read', 'vote', 'package', 'edge', 'admin'],
  }
}
