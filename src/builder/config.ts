/** The builder's configuration, from its environment; checked once, at start. */
import { readFileSync } from 'node:fs'
import { availableParallelism, machine } from 'node:os'
import { resolve } from 'node:path'
import { z } from 'zod'
import { arch, type Limits } from './protocol.ts'

const mib = 1024 * 1024
const whole = z.coerce.number().int().positive()
const list = z.string().transform((text) => text.split(/[\s,]+/).filter((item) => item !== ''))

const schema = z.object({
  /** Address of the portal. */
  SLIPWAY_URL: z.url({ protocol: /^https?$/ }).default('http://127.0.0.1:4321'),
  /** The builder's token, or the file that holds it. */
  BUILDER_TOKEN: z.string().optional(),
  BUILDER_TOKEN_FILE: z.string().optional(),
  /** Folder for work in progress. Builders may share it; every other user must be able to enter it. */
  BUILDER_SCRATCH: z.string().default(`/var/tmp/slipway-builder-${process.getuid?.()}`),
  /** How many tasks run at once. */
  BUILDER_CAPACITY: whole.max(256).default(Math.max(1, Math.floor(availableParallelism() / 2))),
  /** Architectures it builds for; this machine's unless told. */
  BUILDER_ARCHES: list.pipe(z.array(arch).min(1)).default([machine()]),
  BUILDER_CHANNELS: list.default(['default']),
  /** host:port items that git may fetch from although their addresses are private. */
  BUILDER_PRIVATE_SOURCES: list.default([]),
  /** Started as root, slot N runs its sandboxes as this uid and gid plus N. */
  BUILDER_UID: whole.min(1000).max(4_000_000_000).default(64_100),
  BUILDER_LIMIT_TIME_S: whole.default(6 * 3600),
  BUILDER_LIMIT_MEMORY_MIB: whole.default(8192),
  BUILDER_LIMIT_PROCESSES: whole.default(4096),
  BUILDER_LIMIT_DISK_MIB: whole.default(40_960),
  /** Below what the portal keeps of a log (64 MiB). */
  BUILDER_LIMIT_LOG_MIB: whole.default(60),
  /** A build is stopped when less than this is free on the scratch folder's file system. */
  BUILDER_RESERVE_DISK_MIB: whole.default(512),
})

export interface BuilderConfig {
  url: string
  token: string
  scratch: string
  capacity: number
  arches: string[]
  channels: string[]
  private_sources: string[]
  first_uid: number
  limits: Limits
  reserve_disk_bytes: number
}

function readToken(env: z.infer<typeof schema>): string {
  const token =
    env.BUILDER_TOKEN ?? (env.BUILDER_TOKEN_FILE && readFileSync(env.BUILDER_TOKEN_FILE, 'utf8'))
  if (!token?.trim())
    throw new Error('BUILDER_TOKEN or BUILDER_TOKEN_FILE: the portal gives a builder its token')
  return token.trim()
}

/** @throws Error with one sentence for each variable that is wrong */
export function readConfig(environment: Record<string, string | undefined>): BuilderConfig {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const parsed = schema.safeParse(given)
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new Error(`The environment is not right. ${faults.join('; ')}`)
  }
  const env = parsed.data
  return {
    url: env.SLIPWAY_URL.replace(/(?<!\/)\/+$/, ''),
    token: readToken(env),
    scratch: resolve(env.BUILDER_SCRATCH),
    capacity: env.BUILDER_CAPACITY,
    arches: env.BUILDER_ARCHES,
    channels: env.BUILDER_CHANNELS,
    private_sources: env.BUILDER_PRIVATE_SOURCES,
    first_uid: env.BUILDER_UID,
    limits: {
      time_s: env.BUILDER_LIMIT_TIME_S,
      memory_bytes: env.BUILDER_LIMIT_MEMORY_MIB * mib,
      processes: env.BUILDER_LIMIT_PROCESSES,
      disk_bytes: env.BUILDER_LIMIT_DISK_MIB * mib,
      log_bytes: env.BUILDER_LIMIT_LOG_MIB * mib,
    },
    reserve_disk_bytes: env.BUILDER_RESERVE_DISK_MIB * mib,
  }
}

/** The stricter of two sets of limits, value by value. */
export function lowerLimits(own: Limits, asked: Partial<Limits> = {}): Limits {
  const lower = (name: keyof Limits) => Math.min(own[name], asked[name] ?? own[name])
  return {
    time_s: lower('time_s'),
    memory_bytes: lower('memory_bytes'),
    processes: lower('processes'),
    disk_bytes: lower('disk_bytes'),
    log_bytes: lower('log_bytes'),
  }
}
