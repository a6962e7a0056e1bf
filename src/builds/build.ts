/** A build: its states, its sources, and what a target's tags are called. Pure. */
import { z } from 'zod'

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

const output = z.object({ filename: z.string(), sha256, size_bytes: z.int() })

/** What a builder says of a source package that it made. */
export const srpmResultSchema = z.object({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/),
  epoch: z.int().nonnegative(),
  version: z.string().regex(/^[^-\s/]+$/),
  release: z.string().regex(/^[^-\s/]+$/),
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
        name: z.string(),
        epoch: z.int(),
        version: z.string(),
        release: z.string(),
        arch: z.string(),
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

/** Which arches a source package is built for: `noarch` once, or those of the release that it allows. */
export function archesToBuild(result: SrpmResult, releaseArches: string[]): string[] {
  if (result.noarch) return ['noarch']
  return releaseArches.filter(
    (arch) => (result.arches?.includes(arch) ?? true) && !result.exclude_arches.includes(arch),
  )
}
