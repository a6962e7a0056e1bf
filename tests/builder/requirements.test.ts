/** Which requirements a log says were missing. The logs are what rpmbuild 4.18 and dnf 4.14 printed. */
import { expect, test } from 'vitest'
import { createRequirementFinder } from '../../src/builder/requirements.ts'
import { numbers } from '../support/mirrors.ts'

function findMissingRequirements(log: string): string[] {
  const finder = createRequirementFinder()
  for (const line of log.split('\n')) finder.take(line)
  return finder.result()
}

test('rpmbuild names them one by one', () => {
  const log = `error: Failed build dependencies:
	cmake >= 99 is needed by a-1-1.x86_64
	pkgconfig(nothing) is needed by a-1-1.x86_64
`
  expect(findMissingRequirements(log)).toEqual(['cmake >= 99', 'pkgconfig(nothing)'])
})

test('dnf says that nothing matches or provides them', () => {
  const log = `No match for argument: cmake
No match for argument: cmake
No matching package to install: 'pkgconfig(nothing)'
Error:
 Problem: conflicting requests
  - nothing provides libacl.so.1()(64bit) needed by tar-1.35-4.kl10.x86_64 from build
Error: Unable to find a match: cmake pkgconfig(nothing)
`
  expect(findMissingRequirements(log)).toEqual([
    'cmake',
    'pkgconfig(nothing)',
    'libacl.so.1()(64bit)',
  ])
})

test('a build that failed for another reason lacks none', () => {
  const log = `gcc: error: hello.c: No such file\nmore memory is needed by the linker than there is\n`
  expect(findMissingRequirements(log)).toEqual([])
})

test('any log at all gives a short list', () => {
  const random = numbers(11)
  const words = ['\t', ' is needed by ', 'nothing provides ', ' needed by ', 'x', '\n', "'", '\r']
  for (let round = 0; round < 300; round++) {
    const log = Array.from({ length: 400 }, () => words[Math.floor(random() * words.length)])
    const found = findMissingRequirements(log.join(''))
    expect(found.length).toBeLessThanOrEqual(20)
    for (const each of found) expect(each.length).toBeLessThanOrEqual(100)
  }
  const many = Array.from({ length: 5000 }, (_, n) => `No match for argument: p${n}`).join('\n')
  expect(findMissingRequirements(many)).toHaveLength(20)
})
