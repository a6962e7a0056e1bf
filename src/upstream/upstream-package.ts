/**
 * What upstream shipped against what we built: the same package has another dist tag there and here, and a
 * rebuild may carry a suffix of its own. Pure.
 */
import { compareEvr, type Evr } from '../kernel/evr.ts'

/** How releases of packages are written, there and here. */
export interface ReleaseSuffixes {
  /** Upstream's %dist without a minor version, such as `.el10`; `.el10_1` counts as it. */
  upstream_dist: string
  /** Our %dist, such as `.kl10`. */
  own_dist: string
  /** What a rebuild that had to be changed appends with a number: `.keel` for `3.kl10.keel.1`. */
  rebuild_suffix: string
}

/** Modular packages name their stream and context: `.module+el8.9.0+123+4d5e6f`. */
const MODULE = /\.module[+_]el[\d.]+(\+\d+)?(\+[0-9a-f]+)?/

const quoted = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
const distOf = (dist: string) => new RegExp(`${quoted(dist)}(_\\d+)?(?![0-9a-z_])`)

/** A release without the part that says who built it: `3.el10_1.2` and `3.kl10.2` are both `3.2`. */
export function bareRelease(release: string, dist: string): string {
  return release.replace(MODULE, '').replace(distOf(dist), '')
}

/**
 * @returns -1 where ours is older than upstream's, 0 for the same, 1 for a newer one. A rebuild's own suffix
 *   makes no package newer: `3.kl10.keel.1` answers `3.el10`.
 */
export function compareWithUpstream(
  own: Evr,
  upstream: Evr,
  suffixes: ReleaseSuffixes,
): -1 | 0 | 1 {
  const rebuilt = new RegExp(`${quoted(suffixes.rebuild_suffix)}\\.\\d+$`)
  const release = bareRelease(own.release.replace(rebuilt, ''), suffixes.own_dist)
  return compareEvr(
    { ...own, release },
    { ...upstream, release: bareRelease(upstream.release, suffixes.upstream_dist) },
  )
}

/** A source package as repository metadata names it. */
export interface SourcePackage extends Evr {
  name: string
  /** Names of the packages that it is built with, sorted; files, features and rich requirements are left out. */
  requires: string[]
}

/** What a source package calls the parts that others are built with. */
const PART = /-(devel|libs|static|headers|tools)$/

/**
 * Which source package makes what another is built with, as far as names tell: `zlib-devel` comes from `zlib`.
 * @param sources names of source packages
 * @returns undefined where no name tells
 */
export function sourceOfRequirement(
  requirement: string,
  sources: { has(name: string): boolean },
): string | undefined {
  return [requirement, requirement.replace(PART, '')].find((name) => sources.has(name))
}

/** The newest of each name: a repository may carry several versions. */
export function newestOfEach(packages: Iterable<SourcePackage>): Map<string, SourcePackage> {
  const newest = new Map<string, SourcePackage>()
  for (const each of packages) {
    const known = newest.get(each.name)
    if (!known || compareEvr(each, known) > 0) newest.set(each.name, each)
  }
  return newest
}
