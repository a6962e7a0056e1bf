/** Docs by release: which pages are the same page for another release. */
import { expect, test } from 'vitest'
import { pageForAll, versionOf, versionsOf } from '../../src/site/docs/versions.ts'

const ids = [
  'docs',
  'docs/install',
  'docs/9/install',
  'docs/10.1/install',
  'docs/10/operating/backup',
]

test('a folder that is a version makes its pages those of that release', () => {
  expect(versionOf('docs/10.1/install')).toBe('10.1')
  expect(pageForAll('docs/10/operating/backup')).toBe('docs/operating/backup')
  for (const id of ['docs/install', 'docs/9', 'docs/9a/install', 'docs/v9/install'])
    expect(versionOf(id)).toBeUndefined()
})

test('each page leads to the others, the one for all first, then the newest', () => {
  expect(versionsOf('docs/9/install', ids)).toEqual([
    { version: undefined, href: '/docs/install', current: false },
    { version: '10.1', href: '/docs/10.1/install', current: false },
    { version: '9', href: '/docs/9/install', current: true },
  ])
  expect(versionsOf('docs/install', ids)).toHaveLength(3)
})

test('a page that is the only one offers no choice', () => {
  expect(versionsOf('docs', ids)).toEqual([])
  expect(versionsOf('docs/10/operating/backup', ids)).toEqual([])
})
