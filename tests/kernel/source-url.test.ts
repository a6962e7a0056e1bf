/** Which git addresses and refs are accepted. */
import { describe, expect, test } from 'vitest'
import { checkGitRef, checkGitUrl, isPrivateAddress } from '../../src/kernel/source-url.ts'

const codes = (url: string, own: string[] = []) => checkGitUrl(url, own).map(({ code }) => code)

describe('git URLs', () => {
  test.each([
    'https://git.example/x.git',
    'https://git.example:8443/a/b',
    'https://8.8.8.8/x',
    'HTTPS://Git.Example/x',
  ])('%s may be fetched', (url) => expect(codes(url)).toEqual([]))

  test.each([
    ['', 'build.url-invalid'],
    ['--upload-pack=touch /tmp/x', 'build.url-invalid'],
    ['-c', 'build.url-invalid'],
    ['git@git.example:x.git', 'build.url-invalid'],
    ['https://git.example/\nx', 'build.url-invalid'],
    ['https:\\\\git.example\\x', 'build.url-invalid'],
    ['https:git.example', 'build.url-invalid'],
    ['https://git.example/x?service=y', 'build.url-invalid'],
    ['https://git.example/x#y', 'build.url-invalid'],
    [`https://git.example/${'x'.repeat(2000)}`, 'build.url-invalid'],
    ['ext::sh -c touch%20x', 'build.url-invalid'],
    ['ext::https://x', 'build.url-invalid'],
    ['file:///etc', 'build.url-scheme'],
    ['ssh://git.example/x', 'build.url-scheme'],
    ['git://git.example/x', 'build.url-scheme'],
    ['http://git.example/x', 'build.url-scheme'],
    ['https://me:secret@git.example/x', 'build.url-credentials'],
    ['https://localhost/x', 'build.url-private'],
    ['https://a.localhost./x', 'build.url-private'],
    ['https://127.1/x', 'build.url-private'],
    ['https://0x7f000001/x', 'build.url-private'],
    ['https://2130706433/x', 'build.url-private'],
    ['https://169.254.169.254/latest', 'build.url-private'],
    ['https://[::1]/x', 'build.url-private'],
    ['https://[::ffff:10.0.0.1]/x', 'build.url-private'],
    ['https://[fd00::1]/x', 'build.url-private'],
  ])('%s is refused: %s', (url, code) => expect(codes(url)).toEqual([code]))

  test('a private host that the operator named is allowed, on its port only', () => {
    expect(codes('http://10.0.0.5:3000/x.git', ['10.0.0.5:3000'])).toEqual([])
    expect(codes('https://10.0.0.5/x.git', ['10.0.0.5:3000'])).toEqual(['build.url-private'])
    expect(codes('ssh://10.0.0.5:3000/x.git', ['10.0.0.5:3000'])).toEqual(['build.url-scheme'])
  })

  test('whatever is entered, what passes is plain https to a public place', () => {
    const alphabet = [
      'https://',
      'http://',
      '-',
      '@',
      ':',
      '/',
      '\\',
      '?',
      '#',
      '127.0.0.1',
      '[::1]',
      'a.b',
      '%00',
      '\n',
      ' ',
      '\u202e',
      '::',
    ]
    let state = 7
    const next = (below: number) => {
      state = (state * 48271) % 2147483647
      return state % below
    }
    for (let round = 0; round < 5000; round += 1) {
      const url = Array.from({ length: next(7) }, () => alphabet[next(alphabet.length)]).join('')
      if (checkGitUrl(url).length > 0) continue
      const parsed = new URL(url)
      expect([url, parsed.protocol, parsed.username, parsed.search]).toEqual([
        url,
        'https:',
        '',
        '',
      ])
      expect(['127.0.0.1', '[::1]']).not.toContain(parsed.hostname)
    }
  })
})

test.each([
  'main',
  'v1.0',
  'feature/x',
  'refs/heads/main',
  'a'.repeat(40),
  'imports/c10/bash-5.2-1.el10',
])('ref %s is accepted', (ref) => expect(checkGitRef(ref)).toEqual([]))

test.each([
  '',
  '-x',
  '--exec=x',
  'a..b',
  'a b',
  'a:b',
  '+main',
  'a@{1}',
  'x.lock',
  'x.lock/y',
  'a//b',
  '/a',
  'a/',
  'a.',
  'a/.b',
  'a\nb',
  'a~1',
  'a^',
  'a'.repeat(201),
])('ref %j is refused', (ref) =>
  expect(checkGitRef(ref).map(({ code }) => code)).toEqual(['build.ref-invalid']),
)

test.each([
  ['93.184.216.34', false],
  ['2606:4700::1111', false],
  ['10.0.0.1', true],
  ['100.64.0.1', true],
  ['192.168.1.1', true],
  ['0.0.0.0', true],
  ['224.0.0.1', true],
  ['::1', true],
  ['fe80::1', true],
  ['64:ff9b::7f00:1', true],
  ['2002:7f00:1::', true],
  ['::ffff:127.0.0.1', true],
  ['::7f00:1', true],
  ['::2', true],
  ['4000::1', true],
  ['fec0::1', true],
  ['git.example', true],
])('%s is private: %s', (ip, expected) => expect(isPrivateAddress(ip)).toBe(expected))
