/** Configuration from the environment, checked once at start with a sentence that says what is wrong. */
import { isAbsolute, resolve } from 'node:path'
import { z } from 'zod'
import { inside } from './inside.ts'
import { root } from './paths.ts'

const schema = z.object({
  /** Address to listen on. */
  HOST: z.string().default('127.0.0.1'),
  /** Port to listen on. */
  PORT: z.coerce.number().int().min(1).max(65535).default(4321),
  /** Folder of the database and every file that the portal keeps. */
  SLIPWAY_DATA: z.string().default('data'),
  /** Address under which people and dnf reach the portal; default http://HOST:PORT. */
  SLIPWAY_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** postgres://user:password@host/database; default SQLite in SLIPWAY_DATA. */
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres://')
    .optional(),
  /** PostgreSQL: connections of each process that read. */
  DATABASE_READERS: z.coerce.number().int().min(1).max(200).default(10),
  /** PostgreSQL: connections of each process that write; readers have theirs all the same. */
  DATABASE_WRITERS: z.coerce.number().int().min(1).max(200).default(10),
  /** smtp://user:password@host:port; default: .eml files in SLIPWAY_DATA/mail. */
  SMTP_URL: z
    .string()
    .regex(/^smtps?:\/\//, 'must begin with smtp:// or smtps://')
    .optional(),
  /** Addresses of reverse proxies whose X-Forwarded-For is believed, with commas between. */
  SLIPWAY_TRUSTED_PROXIES: z.string().default(''),
  /** Comma list of host:port whose private addresses git sources may name (a forge of one's own). */
  SLIPWAY_PRIVATE_SOURCES: z.string().default(''),
  /** Comma list of host:port that the crawler may reach in private networks (mirrors of one's own). */
  SLIPWAY_PRIVATE_MIRRORS: z.string().default(''),
  /** Streams of /api/events at once from one network address. */
  SLIPWAY_STREAMS_PER_ADDRESS: z.coerce.number().int().min(1).max(10_000).default(20),
  /** Streams of /api/events at once in one web process. */
  SLIPWAY_STREAMS: z.coerce.number().int().min(1).max(100_000).default(1000),
  /** How long events can be asked for; who reads less often starts anew. */
  SLIPWAY_KEEP_EVENTS_DAYS: z.coerce.number().int().min(8).max(36_500).default(90),
  /** How long tasks that have ended, and their logs, are kept. */
  SLIPWAY_KEEP_TASKS_DAYS: z.coerce.number().int().min(8).max(36_500).default(365),
  /** How long the rows of letters that went out are kept; their text is gone when they are sent. */
  SLIPWAY_KEEP_MAIL_DAYS: z.coerce.number().int().min(1).max(36_500).default(30),
  /** An .mmdb file of countries that is better than the packaged one. */
  SLIPWAY_GEO_COUNTRY: z.string().optional(),
  /** An .mmdb file of ASNs; without one the rule of the same network rests. */
  SLIPWAY_GEO_ASN: z.string().optional(),
  /** trace, debug, info, warn, error or silent. */
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** Folder with distribution.yaml and packages/; another distribution is another folder. */
  SLIPWAY_CONTENT: z.string().default('content'),
  /** Folder of the built site. Inside the checkout: what is built finds its packages by its own place. */
  SLIPWAY_SITE: z.string().default('dist'),
})

export interface Config {
  host: string
  port: number
  data_dir: string
  content_dir: string
  site_dir: string
  /** Public address without a trailing slash. */
  url: string
  database_url: string | undefined
  database_readers: number
  database_writers: number
  smtp_url: string | undefined
  trusted_proxies: string[]
  private_sources: string[]
  private_mirrors: string[]
  streams_per_address: number
  streams: number
  keep_events_days: number
  keep_tasks_days: number
  keep_mail_days: number
  geo_country: string | undefined
  geo_asn: string | undefined
  log_level: string
}

const list = (text: string) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)
const absolute = (path: string) => (isAbsolute(path) ? path : resolve(root, path))

/** A URL's host part: IPv6 addresses stand in brackets. */
const hostInUrl = (host: string) => (host.includes(':') ? `[${host}]` : host)

/** @throws Error whose message names each variable at fault and what it must be. */
export function readConfig(env: Record<string, string | undefined> = process.env): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = schema.safeParse(given)
  if (!parsed.success) {
    const faults = parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`)
    throw new Error(`The environment is not right. ${faults.join('; ')}`)
  }
  const e = parsed.data
  return {
    host: e.HOST,
    port: e.PORT,
    data_dir: absolute(e.SLIPWAY_DATA),
    content_dir: absolute(e.SLIPWAY_CONTENT),
    site_dir: absolute(e.SLIPWAY_SITE),
    url: (e.SLIPWAY_URL ?? `http://${hostInUrl(e.HOST)}:${e.PORT}`).replace(/(?<!\/)\/+$/, ''),
    database_url: e.DATABASE_URL,
    database_readers: e.DATABASE_READERS,
    database_writers: e.DATABASE_WRITERS,
    smtp_url: e.SMTP_URL,
    trusted_proxies: list(e.SLIPWAY_TRUSTED_PROXIES),
    private_sources: list(e.SLIPWAY_PRIVATE_SOURCES),
    private_mirrors: list(e.SLIPWAY_PRIVATE_MIRRORS),
    streams_per_address: e.SLIPWAY_STREAMS_PER_ADDRESS,
    streams: e.SLIPWAY_STREAMS,
    keep_events_days: e.SLIPWAY_KEEP_EVENTS_DAYS,
    keep_tasks_days: e.SLIPWAY_KEEP_TASKS_DAYS,
    keep_mail_days: e.SLIPWAY_KEEP_MAIL_DAYS,
    geo_country: e.SLIPWAY_GEO_COUNTRY,
    geo_asn: e.SLIPWAY_GEO_ASN,
    log_level: e.LOG_LEVEL,
  }
}

/** A path inside the data folder. @throws Error when it would lie elsewhere */
export function dataPath(config: Config, ...parts: string[]): string {
  return inside(config.data_dir, ...parts)
}
