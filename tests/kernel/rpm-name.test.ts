/** Names at the borders: what rpm allows passes, what leads out of a folder does not. */
import { expect, test } from 'vitest'
import { inside } from '../../src/kernel/inside.ts'
import { areRpmParts, isRpmFile, isRpmName, isRpmVersion } from '../../src/kernel/rpm-name.ts'

test.each(['a', 'libcase++', '_private', 'gtk2.0', 'a-b_c+d.e', '389-ds-base'])('name %s', (name) =>
  expect(isRpmName(name)).toBe(true),
)

test.each([
  ...['', '.', '..', '../x', 'a/b', '-a', '.a', 'a..b', 'a b', 'a\n', 'a\0', 'ü', 'a:b', 'a~b'],
  ...['%{x}', 'x'.repeat(201)],
])('no name: %j', (name) => expect(isRpmName(name)).toBe(false))

test.each(['1.0', '0~rc1', '1^git1', '2.0+b1', '1_2'])('version %s', (version) =>
  expect(isRpmVersion(version)).toBe(true),
)
test.each(['', '1-2', '1/2', '..', '1..2', '%autorelease', '1\n'])('no version: %j', (version) =>
  expect(isRpmVersion(version)).toBe(false),
)

test('all parts count', () => {
  const parts = { name: 'a', epoch: 0, version: '1', release: '2', arch: 'noarch' }
  expect(areRpmParts(parts)).toBe(true)
  expect(areRpmParts({ ...parts, epoch: -1 })).toBe(false)
  expect(areRpmParts({ ...parts, epoch: 2 ** 32 })).toBe(false)
  expect(areRpmParts({ ...parts, arch: '../x' })).toBe(false)
  expect(isRpmFile('_a-1.0~rc1^2-3.x86_64.rpm')).toBe(true)
})

test('a joined path stays in its folder', () => {
  expect(inside('/a/b', 'c', 'd')).toBe('/a/b/c/d')
  expect(inside('/', 'c')).toBe('/c')
  for (const parts of [
    ['..', 'x'],
    ['/etc/passwd'],
    [''],
    ['.'],
    ['../bc'],
    ['c', '../..'],
    ['c\0'],
  ])
    expect(() => inside('/a/b', ...parts)).toThrow('is not in /a/b')
})
