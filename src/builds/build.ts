/** A build: its states, its sources, and what a target's tags are called. Pure. */
import { z } from 'zod'
import { type Reason, reason } from '../kernel/reason.ts'
import { isRpmArch, isRpmEpoch, isRpmFile, isRpmName, isRpmVersion } from '../kernel/rpm-name.ts'

/** Koji's names and numbers (koji/__init__.py, BUILD_STATES). */
export const buildState = { BUILDING: 0, COMPLETE: 1, DELETED: 2, FAILED: 3, CANCELED: 4 } as const
export type BuildStateName = keyof typeof buildState

export const buildStateNames = Object.keys(buildState) as BuildStateName[]

export function buildStateName(state: number): BuildStateName {
  return buildStateNames.find((name) => buildState[name] === state) ?? 'BUILDING'
}

/** A build that failed or was canceled gives its NVR free for another try; all others keep it. */
export const RETRIABLE_STATES: number[] = [buildState.FAILED, buildState.CANCELED]

/** Tags of a release, by what they are for. */
export function releaseTags(release: string) {
  return {
    candidate: `${release}-candidate`,
    testing: `${release}-testing`,
    stable: `${release}-stable`,
    override: `${release}-override`,
    build: `${release}-build`,
  }
}

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)

export const fileSchema = z.object({
  name: z.string().max(255),
  sha256,
  size_bytes: z.int().nonnegative(),
})
export type SourceFile = z.infer<typeof fileSchema>

/** What a build is made from, as the builder gets it. */
export const sourceSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('git'), url: z.string(), ref: z.string() }),
  z.object({ kind: z.literal('files'), spec: z.string(), files: z.array(fileSchema).min(1) }),
  z.object({
    kind: z.literal('srpm'),
    filename: z.string(),
    sha256,
    size_bytes: z.int().nonnegative(),
  }),
])
export type Source = z.infer<typeof sourceSchema>

const version = z.string().refine(isRpmVersion)
const arch = z.string().refine(isRpmArch)
const epoch = z.int().refine(isRpmEpoch)
const output = z.object({ filename: z.string().refine(isRpmFile), sha256, size_bytes: z.int() })

/** What a builder says of a source package that it made. */
export const srpmResultSchema = z.object({
  name: z.string().refine(isRpmName),
  epoch,
  version,
  release: version,
  /** From ExclusiveArch and BuildArch; null: every arch. */
  arches: z.array(z.string()).nullable(),
  /** From ExcludeArch. */
  exclude_arches: z.array(z.string()).default([]),
  noarch: z.boolean(),
  build_requires: z.array(z.string()),
  outputs: z.array(output).length(1),
})
export type SrpmResult = z.infer<typeof srpmResultSchema>

/** What a builder says of the packages of one arch. */
export const archResultSchema = z.object({
  rpms: z
    .array(
      output.extend({
        name: z.string().refine(isRpmName),
        epoch,
        version,
        release: version,
        arch,
      }),
    )
    .min(1),
})
export type ArchResult = z.infer<typeof archResultSchema>

export const buildPayloadSchema = z.object({
  target: z.string(),
  source: sourceSchema,
  /** A seed of a pending release: goes to stable without an update. */
  bootstrap: z.boolean().default(false),
})
export type BuildPayload = z.infer<typeof buildPayloadSchema>
export const importPayloadSchema = z.object({ build_id: z.int() })

/**
 * Which arches a source package is built for: those of the release that it allows, or `noarch` once where
 * there is one of them. None: see whyNoArch.
 */
export function archesToBuild(result: SrpmResult, releaseArches: string[]): string[] {
  const allowed = releaseArches.filter(
    (each) => (result.arches?.includes(each) ?? true) && !result.exclude_arches.includes(each),
  )
  return result.noarch && allowed.length > 0 ? ['noarch'] : allowed
}

/** Why a source package is built for no arch of a release. */
export function whyNoArch(result: SrpmResult, releaseArches: string[]): Reason {
  const offered = releaseArches.join(', ')
  if (result.arches !== null && result.arches.length > 0)
    return reason('build.no-arch', { wanted: result.arches.join(', '), offered })
  return reason('build.arch-excluded', { excluded: result.exclude_arches.join(', '), offered })
}
