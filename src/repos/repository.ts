/** Repositories of a release: names that clients ask for, and paths under /pub. Pure. */
import type { ReleaseDescription } from '../kernel/distribution.ts'

export type Stage = 'testing' | 'stable'

export interface RepositoryAddress {
  /** `<repository>[-testing][-source]-<releasever>` */
  name: string
  /** `src` for a source repository, which clients ask for with any arch. */
  arch: string
  /** Under /pub. */
  path: string
  /** Repository id in the distribution's data. */
  id: string
  release: string
  stage: Stage
}

/** All repositories of a release: each stage, each repository, each arch and the sources. */
export function repositoriesOf(distribution: string, release: ReleaseDescription) {
  const addresses: RepositoryAddress[] = []
  for (const stage of ['stable', 'testing'] as const)
    for (const { id, name } of release.repositories)
      for (const arch of [...release.arches, 'src']) {
        const base = [distribution, ...(stage === 'testing' ? ['testing'] : []), release.version]
        const leaf = arch === 'src' ? ['source', 'tree'] : [arch, 'os']
        const parts = [id, stage === 'testing' && 'testing', arch === 'src' && 'source']
        addresses.push({
          name: [...parts.filter(Boolean), release.version].join('-'),
          arch,
          path: [...base, name, ...leaf].join('/'),
          id,
          release: release.name,
          stage,
        })
      }
  return addresses
}

/** Whether a package of this arch belongs into a repository of that arch. */
export function archFits(rpm_arch: string, repository_arch: string): boolean {
  if (rpm_arch === 'src' || repository_arch === 'src') return rpm_arch === repository_arch
  return rpm_arch === 'noarch' || rpm_arch === repository_arch
}

/** Where a package lies in its repository: by first letter, as large repositories do. */
export function packageHref(filename: string): string {
  return `Packages/${filename.charAt(0).toLowerCase()}/${filename}`
}

/** Folder of a repository in which each generation of its metadata has a folder of its own. */
export const GENERATIONS = '.generations'

/** A generation's place in its repository, where all of it and nothing else is found for as long as it is kept. */
export function generationPath(repomd_sha256: string): string {
  return `${GENERATIONS}/${repomd_sha256}`
}
