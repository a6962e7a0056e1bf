/** A package's name, version and release apart; pure. */

export interface NvrParts {
  name: string
  version: string
  release: string
}

/** Splits at the last two hyphens, which neither a version nor a release may hold (RPM). */
export function splitNvr(nvr: string): NvrParts {
  const match = /^(.+)-([^-]+)-([^-]+)$/.exec(nvr)
  const [, name = nvr, version = '', release = ''] = match ?? []
  return { name, version, release }
}
