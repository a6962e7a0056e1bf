/** Upstream's versions against ours: dist tags, modules, suffixes of rebuilds. */
import { describe, expect, it } from 'vitest'
import {
  bareRelease,
  compareWithUpstream,
  newestOfEach,
  sourceOfRequirement,
} from '../../src/upstream/upstream-package.ts'

const suffixes = { upstream_dist: '.el10', own_dist: '.kl10', rebuild_suffix: '.keel' }
const evr = (version: string, release: string, epoch = 0) => ({ epoch, version, release })

describe('bare releases', () => {
  it.each([
    ['3.el10', '3'],
    ['3.el10_1', '3'],
    ['3.el10_1.2', '3.2'],
    ['12.20250101git.el10', '12.20250101git'],
    ['3.module+el10.1.0+123+4d5e6f7a', '3'],
    ['3', '3'],
    // Another distribution's tag that only begins alike stays.
    ['3.el100', '3.el100'],
    ['3.el10sat', '3.el10sat'],
  ])('of %s is %s', (release, bare) => {
    expect(bareRelease(release, '.el10')).toBe(bare)
  })
})

describe('ours against upstream', () => {
  it.each([
    ['the same rebuild', evr('1.2', '3.kl10'), evr('1.2', '3.el10'), 0],
    ['a rebuild of a z-stream', evr('1.2', '3.kl10_1.2'), evr('1.2', '3.el10_1.2'), 0],
    ['a z-stream built without its minor', evr('1.2', '3.kl10.2'), evr('1.2', '3.el10_1.2'), 0],
    ['a changed rebuild', evr('1.2', '3.kl10.keel.1'), evr('1.2', '3.el10'), 0],
    ['a changed rebuild of an older one', evr('1.2', '3.kl10.keel.9'), evr('1.2', '4.el10'), -1],
    ['an older version', evr('1.1', '9.kl10'), evr('1.2', '1.el10'), -1],
    ['a newer one', evr('1.3', '1.kl10'), evr('1.2', '9.el10'), 1],
    ['a missing epoch', evr('2.0', '1.kl10'), evr('1.0', '1.el10', 1), -1],
    ['a missing z-stream', evr('1.2', '3.kl10'), evr('1.2', '3.el10_1.1'), -1],
  ])('%s', (_, own, upstream, expected) => {
    expect(compareWithUpstream(own, upstream, suffixes)).toBe(expected)
  })

  it('takes the newest version of each name', () => {
    const list = [
      { name: 'a', ...evr('1', '1') },
      { name: 'a', ...evr('1', '10') },
      { name: 'a', ...evr('1', '2') },
    ].map((each) => ({ ...each, requires: [] }))
    expect(newestOfEach(list).get('a')?.release).toBe('10')
  })

  it('finds what makes a requirement by its name, and claims nothing where no name tells', () => {
    const sources = new Set(['zlib', 'python-devel', 'python'])
    const found = (name: string) => sourceOfRequirement(name, sources)
    expect(found('zlib-devel')).toBe('zlib')
    expect(found('zlib')).toBe('zlib')
    expect(found('python-devel')).toBe('python-devel')
    expect(found('libz')).toBeUndefined()
  })
})
