/** Versions compare as rpm compares them: a table, the real rpm where it is there, and order laws. */
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { compareEvr, compareVersions, parseNvr } from '../../src/kernel/evr.ts'
import { seededRandom } from '../support/test-app.ts'

/** From rpm's own test suite by meaning (tests/rpmvercmp.at): older, newer, or the same. */
const TABLE: [string, number, string][] = [
  ['1.0', 0, '1.0'],
  ['1.0', -1, '2.0'],
  ['2.0.1', 1, '2.0'],
  ['2.0.1a', 1, '2.0.1'],
  ['5.5p1', -1, '5.5p2'],
  ['5.5p1', -1, '5.5p10'],
  ['10xyz', -1, '10.1xyz'],
  ['xyz10', 0, 'xyz10'],
  ['xyz.4', -1, '8'],
  ['6.5', 1, '6.0'],
  ['0010', 0, '10'],
  ['1.0', 0, '1_0'],
  ['a', 0, '_a'],
  ['1.0~rc1', -1, '1.0'],
  ['1.0~rc1', -1, '1.0~rc2'],
  ['1.0~rc1~git1', -1, '1.0~rc1'],
  ['1.0^', 1, '1.0'],
  ['1.0^git1', 1, '1.0'],
  ['1.0^git1', -1, '1.0.1'],
  ['1.0^git1', -1, '1.01'],
  ['1.0~rc1^git1', 1, '1.0~rc1'],
  ['1.0^git1~pre', -1, '1.0^git1'],
]

describe('version comparison', () => {
  it.each(TABLE)('%s against %s %s', (a, order, b) => {
    expect(compareVersions(a, b)).toBe(order)
    expect(compareVersions(b, a)).toBe(order === 0 ? 0 : -order)
  })

  it('says what rpm itself says, for a thousand made-up pairs', () => {
    const random = seededRandom('evr')
    const pieces = ['0', '1', '10', '01', 'a', 'b', 'rc', '.', '-', '~', '^', '_', '2', '.0']
    const word = () =>
      Array.from(
        random.bytes(1 + ((random.bytes(1)[0] ?? 0) % 6)),
        (byte) => pieces[byte % pieces.length],
      )
        .join('')
        .replaceAll('-', '')
    const pairs = Array.from({ length: 1000 }, () => [word() || '0', word() || '0'] as const)
    const script = pairs.map(([a, b]) => `io.write(rpm.vercmp("${a}", "${b}"), "\\n")`).join('\n')
    const answers = execFileSync('rpm', ['--eval', `%{lua:\n${script}\n}`], {
      encoding: 'utf8',
    })
      .trim()
      .split('\n')
      .map(Number)
    expect(answers).toHaveLength(pairs.length)
    const wrong = pairs.filter(([a, b], at) => compareVersions(a, b) !== answers[at])
    expect(wrong).toEqual([])
  })

  it('lets the epoch decide first', () => {
    const evr = (epoch: number, version: string) => ({ epoch, version, release: '1' })
    expect(compareEvr(evr(1, '1'), evr(0, '9'))).toBe(1)
    expect(compareEvr(evr(0, '1'), { epoch: 0, version: '1', release: '2' })).toBe(-1)
  })
})

describe('NVR', () => {
  it('splits from the right', () => {
    expect(parseNvr('gcc-c++-12.2-1.kl10')).toEqual({
      name: 'gcc-c++',
      version: '12.2',
      release: '1.kl10',
    })
    for (const bad of ['', 'x', 'x-1', '-1-1', 'a/../b-1-1', 'x-1-1 ', 'x-1-', '../x-1-1'])
      expect(parseNvr(bad)).toBeUndefined()
  })
})
