/** Which arches a source package is built for. */
import { describe, expect, it } from 'vitest'
import { archesToBuild, srpmResultSchema } from '../../src/builds/build.ts'

const result = (more: object) =>
  srpmResultSchema.parse({
    ...{ name: 'a', epoch: 0, version: '1', release: '1', arches: null, noarch: false },
    ...{ build_requires: [], outputs: [{ filename: 'a', sha256: '0'.repeat(64), size_bytes: 1 }] },
    ...more,
  })

describe('arches of a build', () => {
  const offered = ['x86_64', 'aarch64', 's390x']

  it('are those of the release, or noarch once', () => {
    expect(archesToBuild(result({}), offered)).toEqual(offered)
    expect(archesToBuild(result({ noarch: true }), offered)).toEqual(['noarch'])
  })

  it('are narrowed by ExclusiveArch and ExcludeArch', () => {
    expect(archesToBuild(result({ arches: ['aarch64', 'riscv64'] }), offered)).toEqual(['aarch64'])
    expect(archesToBuild(result({ exclude_arches: ['s390x'] }), offered)).toEqual([
      'x86_64',
      'aarch64',
    ])
    expect(
      archesToBuild(result({ arches: ['s390x'], exclude_arches: ['s390x'] }), offered),
    ).toEqual([])
  })
})
