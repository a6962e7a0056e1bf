/**
 * What each language lacks is listed; what a visitor needs first (front page, download, verify, mirrors, and the
 * frame around them) must be there in each, and every message must take what the English one takes.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { IntlMessageFormat } from 'intl-messageformat'
import { describe, expect, it, test } from 'vitest'
import { auditActions } from '../../src/kernel/audit.ts'
import { directionOf } from '../../src/kernel/language.ts'
import { root } from '../../src/kernel/paths.ts'

const folder = join(root, 'content/i18n')
const site = join(root, 'src/site')
const pages = ['index', 'download/index', 'download/verify', 'mirrors/index']
/** What no page writes out: why there is no image yet, and what an image can't do. */
const reasons = /^reason\.compose\./

function readMessages(language: string): Map<string, string> {
  const files = readdirSync(join(folder, language))
  const read = (file: string) => JSON.parse(readFileSync(join(folder, language, file), 'utf8'))
  return new Map(files.flatMap((file) => Object.entries<string>(read(file))))
}

const english = readMessages('en')
const fileOf = new Map(
  readdirSync(join(folder, 'en')).flatMap((file) =>
    Object.keys(JSON.parse(readFileSync(join(folder, 'en', file), 'utf8'))).map((key) => [
      key,
      file,
    ]),
  ),
)
const languages = readdirSync(folder).filter((each) => each !== 'en')
const translated = new Map(languages.map((each) => [each, readMessages(each)]))

/** The pages' sources and those of all components in them. */
function sourcesOf(paths: string[], seen = new Set<string>()): Set<string> {
  for (const path of paths) {
    if (seen.has(path) || !existsSync(path)) continue
    seen.add(path)
    const imports = Array.from(readFileSync(path, 'utf8').matchAll(/from '(\.[^']+)'/g), (match) =>
      resolve(dirname(path), match[1] ?? ''),
    )
    sourcesOf(
      imports.filter((each) => each.startsWith(site) && each.endsWith('.astro')),
      seen,
    )
  }
  return seen
}

/** `verify.step.${tool}.text` as an expression; of states only the kinds that are shown there. */
function keysLike(template: string, kinds: string[]): RegExp[] {
  const any = '[a-z0-9.-]*'
  const shown = template.replace(/\$\{kind\}/, `(?:${kinds.join('|')})`)
  const [first = '', ...rest] = shown.split(/\$\{[^`]*?\}/)
  if (!first.includes('.')) return []
  return [new RegExp(`^${[first, ...rest].map((part) => part.replaceAll('.', '\\.')).join(any)}$`)]
}

/** Every key that these sources write, or may put together. */
function keysOf(texts: string[]): string[] {
  const all = texts.join('\n')
  const kinds = Array.from(all.matchAll(/kind="([a-z]+)"/g), (match) => match[1] ?? '')
  const written = new Set(Array.from(all.matchAll(/'([a-z][a-z0-9.-]+)'/g), (match) => match[1]))
  const patterns = Array.from(all.matchAll(/t\(`([^`]+)`/g), (match) => match[1] ?? '').flatMap(
    (template) => keysLike(template, kinds),
  )
  return [...english.keys()].filter(
    (key) => written.has(key) || [reasons, ...patterns].some((pattern) => pattern.test(key)),
  )
}

const sources = sourcesOf(pages.map((page) => join(root, 'src/pages', `${page}.astro`)))
const first = keysOf([...sources].map((path) => readFileSync(path, 'utf8')))

type Element = {
  type: number
  value?: unknown
  options?: Record<string, { value: Element[] }>
}
/** Of an element of a parsed message: literals and the sign # have no name. */
const [LITERAL, PLURAL, POUND] = [0, 6, 7]

const parse = (language: string, message: string) =>
  new IntlMessageFormat(message, language, undefined, { ignoreTag: true }).getAst() as Element[]

function elementsOf(elements: Element[]): Element[] {
  return elements.flatMap((each) => [
    each,
    ...Object.values(each.options ?? {}).flatMap(({ value }) => elementsOf(value)),
  ])
}

/** Names of what a message takes. */
function paramsOf(language: string, message: string): string[] {
  const named = elementsOf(parse(language, message)).filter(
    ({ type }) => type !== LITERAL && type !== POUND,
  )
  return [...new Set(named.map(({ value }) => String(value)))].sort()
}

test('there are more languages, and one from right to left', () => {
  expect(languages.length).toBeGreaterThanOrEqual(3)
  expect(languages.map(directionOf)).toContain('rtl')
})

test('the first pages have the keys that they are known to have', () => {
  expect(first.length).toBeGreaterThan(240)
  expect(first).toContain('mirror.page.propagation')
  expect(first).toContain('state.carried.fresh')
  expect(first).toContain('download.way.torrent')
  expect(first).toContain('site.footer.status')
})

describe.each(languages)('%s', (language) => {
  const own = translated.get(language) ?? new Map<string, string>()

  it('lists what lacks translation', () => {
    const lacking = [...english.keys()].filter((key) => !own.has(key))
    const counts = [...Map.groupBy(lacking, (key) => fileOf.get(key))].map(
      ([file, keys]) => `${file} ${keys.length} (${keys.slice(0, 3).join(', ')}, …)`,
    )
    process.stdout.write(
      `${language}: ${own.size} of ${english.size} messages. Lacking in\n  ${counts.join('\n  ')}\n`,
    )
    expect(own.size + lacking.length).toBe(english.size)
  })

  it('has every message of the first pages', () => {
    expect(first.filter((key) => !own.has(key))).toEqual([])
  })

  it('has no message that English lacks', () => {
    expect([...own.keys()].filter((key) => !english.has(key))).toEqual([])
  })

  it('takes in each message what the English one takes', () => {
    const differing = [...own].filter(
      ([key, message]) =>
        paramsOf(language, message).join() !== paramsOf('en', english.get(key) ?? '').join(),
    )
    expect(differing).toEqual([])
  })

  it('has the plurals of its grammar, and none of another', () => {
    const grammar = new Intl.PluralRules(language).resolvedOptions().pluralCategories
    // Of French and Spanish these are the millions, which are said like others.
    const needed = language === 'ar' ? grammar : grammar.filter((each) => each !== 'many')
    for (const [key, message] of own)
      for (const { options } of elementsOf(parse(language, message)).filter(
        ({ type }) => type === PLURAL,
      )) {
        const given = Object.keys(options ?? {}).filter((each) => !each.startsWith('='))
        expect(given, key).toEqual(expect.arrayContaining(needed))
        expect(grammar, key).toEqual(expect.arrayContaining(given))
      }
  })
})

test('everything that is on record has a sentence, which its own account shows', () => {
  expect(auditActions.filter((action) => !english.has(`account.log.${action}`))).toEqual([])
})
