/** The docs against the code: heads, links, words, and that every setting and every error is described. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readDistribution } from '../../src/kernel/distribution.ts'
import { distributionWords, fillWords } from '../../src/kernel/distribution-words.ts'
import { errorStatus } from '../../src/kernel/errors.ts'
import { STALE_DAYS } from '../../src/site/docs/stale.ts'
import { pageForAll } from '../../src/site/docs/versions.ts'
import { docsPages, expectedOutputs } from '../support/docs.ts'
import { root } from '../support/portal.ts'

const pages = docsPages()
const words = distributionWords(readDistribution(join(root, 'content')))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const pageOf = (href: string) => pages.find((page) => page.href === href)?.source ?? ''
const configuration = pageOf('/docs/operating/configuration')

/** What each page says wrongly, with its path. */
const faults = (of: (page: (typeof pages)[number]) => string[]) =>
  pages.flatMap((page) => of(page).map((fault) => `${page.path}: ${fault}`))

describe('pages of the docs', () => {
  it('have a title, a description and the day of their review', () => {
    expect(pages.length).toBeGreaterThan(25)
    const lacking = faults(({ head }) =>
      ['title', 'description', 'reviewed'].filter((key) => !head[key]),
    )
    expect(lacking).toEqual([])
    expect(
      faults(({ head }) => (Number.isNaN(Date.parse(String(head.reviewed))) ? ['reviewed'] : [])),
    ).toEqual([])
  })

  it('are named where nobody has read them through for long', () => {
    const since = Date.now() - STALE_DAYS * 24 * 3600 * 1000
    const stale = pages.filter(({ head }) => Date.parse(String(head.reviewed)) < since)
    // Time alone breaks no test; whoever runs it may read these.
    for (const { path } of stale) console.warn(`content/docs/${path} wants to be read through`)
    expect(stale.length).toBeLessThanOrEqual(pages.length)
  })

  it('are all in the side bar, or decisions, or for one release what another page there is for all', () => {
    const config = read('astro.config.mjs')
    const slugs = pages
      .map(({ href }) => pageForAll(href.slice(1)))
      .filter((slug) => !slug.startsWith('docs/contributing/decisions/'))
    const lacking = slugs.filter(
      (slug) => !config.includes(`'${slug}'`) && !config.includes(`'${slug.replace('docs/', '')}'`),
    )
    expect(lacking).toEqual([])
  })

  it('use only words that the distribution fills in, and no name of its own', () => {
    const unknown = faults(({ source }) =>
      (fillWords(source, words).match(/(?<![\w%])%[a-z]+%/g) ?? []).map(String),
    )
    expect(unknown).toEqual([])
    // Decisions and the map of the code may speak of the demo.
    const named = faults(({ path, source }) =>
      path.startsWith('contributing/') ? [] : (source.match(/\bkeel\w*\b.*/gi) ?? []).map(String),
    )
    expect(named).toEqual([])
  })

  it('expect output only of blocks that are run', () => {
    expect(pages.flatMap(expectedOutputs).length).toBeGreaterThan(20)
  })
})

/** Addresses on this site that pages and prose may lead to: pages of src/pages and routes of src/portal.ts. */
const routes = readdirSync(join(root, 'src/pages'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.astro'))
  .map((path) => `/${path.replace(/\.astro$/, '').replace(/(^|\/)index$/, '')}`)
  .map((route) => new RegExp(`^${route.replace(/\[\w+\]/g, '[^/]+')}$`))
const OTHER_ROUTES = [/^\/pub\//, /^\/api\//, /^\/feeds\//, /^\/metalink$/, /^\/mirrorlist$/]

/** Anchors as Starlight makes them of headings (github-slugger), and those that are written out. */
function anchorsOf(source: string): string[] {
  const headings = [...source.matchAll(/^#{2,4} (.+)$/gm)].map(([, text = '']) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
  return [...headings, ...[...source.matchAll(/ id="([^"]+)"/g)].map(([, id = '']) => id)]
}

function leadsNowhere(link: string, from: string): boolean {
  const { pathname, hash } = new URL(fillWords(link, words), `http://portal.example${from}/`)
  const path = pathname.replace(/(.)\/$/, '$1')
  const page = pages.find(({ href }) => href === path)
  if (page)
    return hash !== '' && !anchorsOf(page.source).includes(decodeURIComponent(hash.slice(1)))
  if (path.startsWith('/docs')) return true
  return ![...routes, ...OTHER_ROUTES].some((route) => route.test(path) || route.test(pathname))
}

describe('links of the docs', () => {
  it('lead to pages that there are, and to headings in them', () => {
    const links = (text: string) =>
      [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, href = '']) => href)
    const broken = faults(({ prose, href }) =>
      links(prose)
        .filter((link) => !/^[a-z]+:/.test(link))
        .filter((link) => leadsNowhere(link, href)),
    )
    expect(broken).toEqual([])
  })

  it('name files of the code that there are', () => {
    const named = faults(({ source }) =>
      [...source.matchAll(/`((?:src|db|tests|bin)\/[\w./-]+\.(?:ts|mjs|astro|css))`/g)]
        .map(([, path = '']) => path)
        .filter((path) => !existsSync(join(root, path))),
    )
    expect(named).toEqual([])
  })
})

describe('the docs of settings and errors', () => {
  it('describe every variable that a program reads', () => {
    const sources = ['src/kernel/config.ts', 'src/builder/config.ts', 'src/mirrors/edge/main.ts']
    const read_by_name = [...sources, 'src/kernel/paths.ts', 'src/commands/build.ts'].flatMap(
      (path) => [
        ...[...read(path).matchAll(/^ {2,4}([A-Z][A-Z_]+):/gm)].map(([, name]) => name),
        ...[...read(path).matchAll(/process\.env\.([A-Z_]+)/g)].map(([, name]) => name),
      ],
    )
    const names = [...new Set(read_by_name)].filter((name) => name !== 'PATH')
    expect(names.length).toBeGreaterThan(30)
    expect(names.filter((name) => !configuration.includes(`\`${name}\``))).toEqual([])
  })

  it('describe every key of distribution.yaml', () => {
    const schema = read('src/kernel/distribution.ts').split('export type ReleaseState')[0] ?? ''
    const keys = [
      ...schema.matchAll(
        /(?:^|[{,])\s*([a-z_]+): (?:z\.|z$|\w+(?:Schema|Path)|slug|day|arch|name|colour)/gm,
      ),
    ]
    const names = [...new Set(keys.map(([, name]) => name ?? ''))]
    expect(names.length).toBeGreaterThan(40)
    const described = new Set(
      [...configuration.matchAll(/`([\w.]+)`/g)].flatMap(([, text = '']) => text.split('.')),
    )
    expect(names.filter((name) => !described.has(name))).toEqual([])
  })

  it('describe every error, with its status and an anchor that a problem’s type leads to', () => {
    const errors = pageOf('/docs/api/errors')
    const lacking = Object.entries(errorStatus).filter(
      ([code, status]) => !errors.includes(`| <span id="${code}"></span>\`${code}\` | ${status} |`),
    )
    expect(lacking).toEqual([])
    const described = [...errors.matchAll(/<span id="([^"]+)">/g)].map(([, code]) => code)
    expect(described.filter((code) => !Object.keys(errorStatus).includes(code ?? ''))).toEqual([])
  })
})
