/** Which lines of a log matter. fixtures/faults.txt has one a line, as tools print them. The logs are what rpmbuild 4.18, gcc 12 and automake printed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createHighlighter } from '../../src/builder/highlights.ts'

function findHighlights(log: string) {
  const highlighter = createHighlighter()
  for (const [at, line] of log.split('\n').entries()) highlighter.take(at + 1, line)
  return highlighter.result()
}

const texts = (log: string) => findHighlights(log).map(({ text }) => text)

test("a compile error, make's and rpm's word on it", () => {
  const log = `Executing(%build): /bin/sh -e /build/tmp/rpm-tmp.1
checking for error_at_line... yes
checking for library containing strerror... none required
gcc -O2 -Werror -c -o error.o error.c
hello.c: In function 'main':
hello.c:3:5: error: expected expression before '}' token
    3 |     }
make[2]: *** [Makefile:12: hello.o] Error 1
make: *** [Makefile:4: all] Error 2
error: Bad exit status from /build/tmp/rpm-tmp.1 (%build)

RPM build errors:
    Bad exit status from /build/tmp/rpm-tmp.1 (%build)
`
  expect(findHighlights(log)).toEqual([
    { line: 6, text: "hello.c:3:5: error: expected expression before '}' token" },
    { line: 7, text: '    3 |     }' },
    { line: 8, text: 'make[2]: *** [Makefile:12: hello.o] Error 1' },
    { line: 9, text: 'make: *** [Makefile:4: all] Error 2' },
    { line: 10, text: 'error: Bad exit status from /build/tmp/rpm-tmp.1 (%build)' },
    { line: 12, text: 'RPM build errors:' },
  ])
})

test('the tests that failed, not those that passed', () => {
  const log = [
    'PASS: tests/hello-1',
    'FAIL: tests/last-1',
    '# TOTAL: 5',
    '# PASS:  4',
    '# FAIL:  1',
    '# XPASS: 0',
    '# ERROR: 0',
    '0 failed, 0 errors',
    '3 tests failed',
  ].join('\n')
  expect(texts(log)).toEqual(['FAIL: tests/last-1', '# TOTAL: 5', '# FAIL:  1', '3 tests failed'])
})

test('where no line speaks of an error, the last ones are shown', () => {
  const log = Array.from({ length: 300 }, (_, n) => `line ${n + 1}`).join('\n\n')
  expect(texts(`${log}\n0 failed\n`)).toEqual([
    ...Array.from({ length: 9 }, (_, n) => `line ${n + 292}`),
    '0 failed',
  ])
})

test('the lines before rpm gives up are shown whatever they say and however many others there are', () => {
  const errors = 'x.c:1:1: error: y\n'.repeat(100)
  const log = `strange words\nquiet words\n\nlast words\nerror: Bad exit status from /x (%build)\n${errors}`
  const found = texts(log)
  expect(found.slice(0, 3)).toEqual(['strange words', 'quiet words', 'last words'])
  expect(found).toHaveLength(40)
})

test('of too many, the last that matter most stay, in order', () => {
  const found = findHighlights(
    Array.from({ length: 5000 }, (_, n) => `error: number ${n + 1}`).join('\n'),
  )
  expect(found).toHaveLength(40)
  expect(found[0]).toEqual({ line: 4961, text: 'error: number 4961' })
  expect(found.at(-1)?.line).toBe(5000)
})

test('colours, control characters and the past of progress bars are left out', () => {
  expect(texts('10%\r50%\r\u001b[31merror:\u001b[0m bad\u0007 thing\r\n')).toEqual([
    'error: bad thing',
  ])
})

test('any bytes give lines that are in the log, short and without control characters', () => {
  const parts = [
    'error: ',
    '\n',
    '\r',
    '\u001b[',
    'm',
    '\u0000',
    'FAIL',
    ': ',
    '***',
    'x'.repeat(900),
    '\u{1f600}',
    '0 failed ',
    '\ud800',
  ]
  let state = 11
  const next = (below: number) => {
    state = (state * 48271) % 2147483647
    return state % below
  }
  for (let round = 0; round < 2000; round += 1) {
    const log = Array.from({ length: next(30) }, () => parts[next(parts.length)]).join('')
    const lines = log.split('\n').length
    for (const { line, text } of findHighlights(log)) {
      expect(line).toBeLessThanOrEqual(lines)
      expect(text.length).toBeLessThanOrEqual(400)
      expect(text).toMatch(/^[^\p{Cc}]+$/u)
    }
  }
})

const faults = readFileSync(join(import.meta.dirname, 'fixtures/faults.txt'), 'utf8')

test.each(faults.trimEnd().split('\n'))('a line that tells of a fault: %s', (line) => {
  // After the header that rpm writes above them, the files are named.
  const found = texts(`Installed (but unpackaged) file(s) found:\n${line}\nfine`)
  expect(found).toContain(line.trimEnd())
})
