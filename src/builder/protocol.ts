/**
 * What portal and builder say to each other: see "Builder protocol" in
 * content/docs/contributing/architecture.mdx. Everything that comes in is parsed here.
 */
import { z } from 'zod'
import type { Reason } from '../kernel/reason.ts'
import { isRpmArch, isRpmFile } from '../kernel/rpm-name.ts'
import { BuildFailure } from './failure.ts'

/** A file's own name: no folder, no leading dash or dot, nothing a shell or rpm would read as more. */
export const filename = z.string().refine(isRpmFile)
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
export const arch = z.string().refine(isRpmArch)
const dist = z.string().regex(/^\.[A-Za-z0-9._]{1,32}$/)
const positive = z.number().int().positive()

/** Limits of one sandbox run; what a task asks for can only lower the builder's own. */
export const limits = z.object({
  time_s: positive.optional(),
  memory_bytes: positive.optional(),
  processes: positive.optional(),
  disk_bytes: positive.optional(),
  log_bytes: positive.optional(),
})
export type Limits = Required<z.infer<typeof limits>>

export const inputFile = z.object({ sha256, size_bytes: z.number().int().nonnegative() })
const namedFile = inputFile.extend({ filename })

export const source = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('git'), url: z.string(), ref: z.string() }),
  z.object({
    kind: z.literal('files'),
    spec: filename,
    files: z
      .array(inputFile.extend({ name: filename }))
      .min(1)
      .max(2000),
  }),
  namedFile.extend({ kind: z.literal('srpm') }),
])
export type Source = z.infer<typeof source>

/** One line of text that rpm reads as it is: a percent sign would begin a macro. */
const plainLine = z
  .string()
  .max(200)
  .transform((text) => text.replace(/[\p{Cc}%]/gu, ' ').trim())

/** Who packages say they come from. */
export const distributor = z.object({
  vendor: plainLine.default(''),
  packager: plainLine.default(''),
  build_host: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,200}$/)
    .default('builder.slipway'),
})
export type Distributor = z.infer<typeof distributor>

/** Of every task that runs rpm. */
export const distributed = z.object({ distribution: distributor.default(distributor.parse({})) })

export const srpmPayload = z.object({ source, dist, limits: limits.optional() })
export type SrpmPayload = z.infer<typeof srpmPayload>

export const archPayload = z.object({
  srpm: namedFile,
  arch,
  dist,
  driver: z.enum(['host', 'mock']),
  repos: z.array(z.object({ id: z.string().regex(/^[A-Za-z0-9._-]+$/), baseurl: z.url() })),
  limits: limits.optional(),
})
export type ArchPayload = z.infer<typeof archPayload>

/** @throws BuildFailure for a payload that is none: no other builder could read it either */
export function readPayload<T>(schema: z.ZodType<T>, payload: unknown): T {
  const read = schema.safeParse(payload)
  if (read.success) return read.data
  throw new BuildFailure('build.payload', { message: read.error.message.slice(0, 500) })
}

/** A task's id goes into paths and addresses. */
const taskId = z.union([z.number().int(), z.string().regex(/^[A-Za-z0-9_-]{1,64}$/)])

export const claimAnswer = z.object({
  task: z.object({
    id: taskId,
    method: z.string(),
    arch: z.string().nullish(),
    lease: z.string().min(1),
    lease_ms: positive,
    payload: z.unknown(),
  }),
})
export type ClaimedTask = z.infer<typeof claimAnswer>['task']

export const heartbeatAnswer = z.object({ lease_ms: positive, cancel: z.array(taskId) })
/** Problem JSON (RFC 9457); the code tells one 409 from another. */
export const problem = z.object({ code: z.string(), detail: z.string().optional() })
export const logAnswer = z.object({ size_bytes: z.number().int().nonnegative() })

export interface Heartbeat {
  version: string
  arches: string[]
  channels: string[]
  capacity: number
  drivers: string[]
  missing: string[]
  /** What of its sandbox the kernel bounds. */
  bounds: string[]
  tasks: { id: ClaimedTask['id']; lease: string; progress?: string }[]
}

/** A file that was uploaded and is part of the result. */
export interface Output {
  filename: string
  sha256: string
  size_bytes: number
}

export interface SrpmResult {
  name: string
  epoch: number
  version: string
  release: string
  /** ExclusiveArch, or null when the spec names none. */
  arches: string[] | null
  exclude_arches: string[]
  /** True when every binary package is noarch: it is built once. */
  noarch: boolean
  build_requires: string[]
  outputs: Output[]
}

export interface ArchResult {
  rpms: (Output & { name: string; epoch: number; version: string; release: string; arch: string })[]
  /** Versions of what built it: os, kernel, rpm, gcc, … */
  host: Record<string, string>
  /** BuildRequires that this driver did not check (the host driver has no package database). */
  unverified_build_requires: string[]
}

export interface Highlight {
  /** Line number in the log, from 1. */
  line: number
  text: string
}

/** Why a task is given back: the builder stops, or has a fault of its own. */
export type Return = { kind: 'stopping' } | { kind: 'fault'; reason: Reason }

export interface Finish {
  lease: string
  outcome: 'ok' | 'failed'
  reason?: Reason
  highlights?: Highlight[]
  result?: SrpmResult | ArchResult
}
