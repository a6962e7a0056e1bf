/** What every verb gets: the app, who asks, and the request's number for logs and audit. */

import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { Database, Reader } from './db.ts'
import type { Distribution } from './distribution.ts'
import type { Log } from './log.ts'
import type { Random } from './random.ts'
import type { Words } from './words.ts'

export type Role = 'admin' | 'packager' | 'member'

/** What a personal token may do; a session may do all that its person may. */
export type Scope = 'read' | 'vote' | 'package' | 'edge' | 'admin'

export type Actor =
  | { kind: 'anonymous' }
  | {
      kind: 'person'
      id: number
      username: string
      roles: Role[]
      scopes: Scope[]
      /** Row of the session it came by (a digest, not the cookie); absent for a token. */
      session_id?: string
      /** Row of the token it came by; absent for a session. */
      token_id?: number
    }
  | { kind: 'builder'; id: number; name: string }
  | { kind: 'system'; name: string }

/** Built once by createApp; every dependency on the world hangs here. */
export interface App {
  config: Config
  clock: Clock
  random: Random
  log: Log
  words: Words
  distribution: Distribution
  database: Database
  /** Reads only; writes go through transaction(). */
  db: Reader
}

export interface Ctx {
  app: App
  actor: Actor
  requestId: string
  /** Network address of the asker, where there is one; for rate limits, never stored with votes. */
  address?: string
  /** Language that the asker reads; English where nobody said. Programs are answered in English. */
  language?: string
}

/** A context for work that no person asked for. */
export function systemCtx(app: App, name: string): Ctx {
  return { app, actor: { kind: 'system', name }, requestId: `${name}-${app.clock.now()}` }
}

/** The actor as audit and events write it: person:ann, builder:b1, system:push. */
export function actorName(actor: Actor): string {
  if (actor.kind === 'person') return `person:${actor.username}`
  if (actor.kind === 'anonymous') return 'anonymous'
  return `${actor.kind}:${actor.name}`
}
