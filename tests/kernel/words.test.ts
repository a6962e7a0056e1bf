/** Every code that a rule or a verb may say has its sentence, and every sentence can be formatted. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { IntlMessageFormat } from 'intl-messageformat'
import { describe, expect, it } from 'vitest'
import { errorStatus, PortalError } from '../../src/kernel/errors.ts'
import { root } from '../../src/kernel/paths.ts'
import { readWords, sayError } from '../../src/kernel/words.ts'

const folder = join(root, 'content/i18n')
const words = readWords(folder)
const t = words.in('en')

const english = Object.assign(
  {},
  ...readdirSync(join(folder, 'en')).map((file) =>
    JSON.parse(readFileSync(join(folder, 'en', file), 'utf8')),
  ),
) as Record<string, string>

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(root, 'src', name), 'utf8'))

describe('sentences', () => {
  it('exist for every error', () => {
    const missing = Object.keys(errorStatus).filter((code) => !(`error.${code}` in english))
    expect(missing).toEqual([])
  })

  it('exist for every reason that the code gives', () => {
    const given = sources.flatMap((text) =>
      Array.from(text.matchAll(/\breason\(\s*'([^']+)'/g), (match) => match[1] ?? ''),
    )
    expect(given.length).toBeGreaterThan(50)
    const missing = given.filter((code) => !(`reason.${code}` in english))
    expect(missing).toEqual([])
  })

  it('exist for every failure of a build', () => {
    const given = sources.flatMap((text) =>
      Array.from(text.matchAll(/new BuildFailure\(\s*'([^']+)'/g), (match) => match[1] ?? ''),
    )
    expect(given.length).toBeGreaterThan(10)
    expect(given.filter((code) => !(`reason.${code}` in english))).toEqual([])
  })

  it('are well-formed ICU messages', () => {
    for (const [key, message] of Object.entries(english))
      expect(
        () => new IntlMessageFormat(message, 'en', undefined, { ignoreTag: true }),
        key,
      ).not.toThrow()
  })

  it('say an error with its reasons', () => {
    const error = new PortalError('update.refused', {
      reasons: [{ code: 'update.minimum-hours', params: { hours: 3, need_hours: 24 } }],
    })
    expect(sayError(t, error)).toBe(
      "That can't be done with this update now. It must be in testing for 24 hours even with karma (it has 3).",
    )
  })

  it('fall back to English, and show an unknown key as itself', () => {
    expect(words.in('xx')('error.not-found')).toBe(t('error.not-found'))
    expect(t('no.such.key')).toBe('no.such.key')
  })

  it('survive hostile parameters', () => {
    const hostile = '<script>{x, plural, one {a}}\u0000\u202e'
    expect(t('error.target.unknown', { name: hostile })).toContain(hostile)
  })
})
