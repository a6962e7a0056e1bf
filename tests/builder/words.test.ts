/** Every reason that a builder gives has its sentence. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readWords } from '../../src/kernel/words.ts'
import { root } from './program.ts'

test('each code in the source has a sentence, and each sentence a code', () => {
  const folder = join(root, 'src/builder')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  const texts = [...files.map((name) => join(folder, name)), join(root, 'src/kernel/source-url.ts')]
  const source = texts.map((path) => readFileSync(path, 'utf8')).join('\n')
  const codes = new Set(Array.from(source.matchAll(/'(build\.[a-z-]+)'/g), (match) => match[1]))
  const own = JSON.parse(
    readFileSync(join(root, 'content/i18n/en/builder.json'), 'utf8'),
  ) as Record<string, string>
  expect(codes.size).toBeGreaterThan(20)
  expect(Object.keys(own).sort()).toEqual([...codes].map((code) => `reason.${code}`).sort())
  const t = readWords(join(root, 'content/i18n')).in('en')
  expect(t('reason.build.limit-time', { limit_s: 3600 })).toBe(
    'Stopped: the build took longer than 3,600 seconds.',
  )
  expect(t('reason.build.ref-invalid', { ref: '-x' })).toBe("-x can't be a branch, tag or commit.")
})
