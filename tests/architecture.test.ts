/** The house rules of content/docs/contributing/architecture.mdx, enforced: who may import what. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../src/kernel/paths.ts'

const ROOMS = [
  'distribution',
  'accounts',
  'tasks',
  'upstream',
  'packages',
  'builds',
  'repos',
  'errata',
  'updates',
  'mirrors',
  'downloads',
  'releases',
]

interface SourceFile {
  /** From the root, such as src/updates/votes.ts. */
  path: string
  lines: string[]
  imports: { target: string; typeOnly: boolean }[]
}

function filesUnder(folder: string, endings: string[]): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .map((name) => join(folder, name))
}

function read(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8')
  const found = text.matchAll(
    /^(?:import|export)\s+(type\s)?(?:[\s\S]*?\sfrom\s+)?['"]([^'"]+)['"]/gm,
  )
  const imports = Array.from(found, ([, type, name = '']) => ({
    typeOnly: type !== undefined,
    target: name.startsWith('.') ? relative(root, resolve(root, dirname(path), name)) : name,
  }))
  return { path, lines: text.split('\n'), imports }
}

const sources = [...filesUnder('src', ['.ts', '.astro']), ...filesUnder('db', ['.ts'])].map(read)

/** The room, kernel, db, or top part that a path belongs to. */
function partOf(path: string): string {
  const [top, second = ''] = path.split('/')
  if (top === 'db') return 'db'
  if (top !== 'src') return 'package'
  return second.includes('.') ? 'top' : second
}

/** `update.ts`, `updates.ts`, `queries.ts`… → what kind of furniture a room's file is. */
const nameOf = (path: string) => path.split('/').at(-1) ?? ''

const pairs = sources.flatMap((file) =>
  file.imports.map((each) => ({ file: file.path, part: partOf(file.path), ...each })),
)

const show = (broken: typeof pairs) => broken.map((each) => `${each.file} -> ${each.target}`)

describe('direction of imports', () => {
  it('finds the imports that it judges', () => {
    expect(pairs.length).toBeGreaterThan(200)
    expect(pairs.some((each) => each.file === 'src/updates/votes.ts')).toBe(true)
  })

  it('keeps db below everything', () => {
    const broken = pairs.filter(
      (each) => each.part === 'db' && !['db', 'package'].includes(partOf(each.target)),
    )
    expect(show(broken)).toEqual([])
  })

  it('keeps the kernel below the rooms', () => {
    const allowed = ['kernel', 'db', 'package']
    const broken = pairs.filter(
      (each) => each.part === 'kernel' && !allowed.includes(partOf(each.target)),
    )
    expect(show(broken)).toEqual([])
  })

  it('lets a room call earlier rooms only', () => {
    const broken = pairs.filter((each) => {
      const own = ROOMS.indexOf(each.part)
      const other = ROOMS.indexOf(partOf(each.target))
      return own >= 0 && other > own
    })
    expect(show(broken)).toEqual([])
  })

  it('keeps rooms away from pages, site, commands, programs and Astro', () => {
    const above = ['pages', 'site', 'commands', 'top', 'builder']
    const broken = pairs.filter(
      (each) =>
        ROOMS.includes(each.part) &&
        (above.includes(partOf(each.target)) || each.target.startsWith('astro')),
    )
    expect(show(broken)).toEqual([])
  })

  it('lets nobody import pages, and only pages import the site', () => {
    const broken = pairs.filter((each) => {
      const target = partOf(each.target)
      if (target === 'pages') return true
      return target === 'site' && !['pages', 'site'].includes(each.part)
    })
    expect(show(broken)).toEqual([])
  })

  it('shows other rooms no queries', () => {
    const broken = pairs.filter((each) => {
      const target = partOf(each.target)
      return (
        ROOMS.includes(target) &&
        target !== each.part &&
        nameOf(each.target) === 'queries.ts' &&
        !each.typeOnly
      )
    })
    expect(show(broken)).toEqual([])
  })

  it('gives the builder its own folder and pure parts of the kernel', () => {
    const pure = [
      ...['reason.ts', 'source-url.ts', 'template.ts', 'parent.ts'],
      ...['rpm-name.ts', 'inside.ts'],
    ]
    const broken = pairs.filter((each) => {
      if (each.part !== 'builder') return false
      const target = partOf(each.target)
      if (target === 'kernel') return !pure.includes(nameOf(each.target))
      return !['builder', 'package'].includes(target)
    })
    expect(show(broken)).toEqual([])
  })

  it('keeps singular files, the rules, free of input and output', () => {
    const rules = sources.filter((file) => {
      const [, room = '', name = ''] = file.path.split('/')
      const singular = ['update.ts', 'task.ts', 'build.ts', 'tag.ts', 'owner.ts', 'advisory.ts']
      const others = ['repository.ts', 'person.ts', 'place.ts', 'package.ts', 'group.ts', 'move.ts']
      return ROOMS.includes(room) && [...singular, ...others].includes(name)
    })
    expect(rules.length).toBeGreaterThanOrEqual(12)
    const io = /^node:(fs|net|http|child_process)|drizzle-orm|better-sqlite3|\/db\.ts$|db\/schema/
    const broken = rules.flatMap((file) =>
      file.imports.filter((each) => !each.typeOnly && io.test(each.target)),
    )
    expect(broken).toEqual([])
  })
})

describe('taste', () => {
  it('keeps files below 400 lines and most of them small', () => {
    const lengths = sources.map((file) => file.lines.length).sort((a, b) => a - b)
    const long = sources.filter((file) => file.lines.length > 400).map((file) => file.path)
    expect(long).toEqual([])
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThan(140)
  })

  it('begins every source file with what it is for', () => {
    const silent = sources
      .filter((file) => file.path.endsWith('.ts') && !file.path.endsWith('.d.ts'))
      .filter((file) => !file.lines[0]?.startsWith('/**'))
      .map((file) => file.path)
    expect(silent).toEqual([])
  })

  it('has no utils.ts, no leftover marks, no any', () => {
    const comment = /^\s*(\*|\/\*\*|\/\/)/
    const marks = /@ts-ignore|@ts-nocheck|\bas any\b|: any\b/
    const broken = sources.filter(
      (file) =>
        nameOf(file.path) === 'utils.ts' ||
        file.lines.some((line) => /\b(TODO|FIXME|XXX)\b/.test(line)) ||
        file.lines.some((line) => marks.test(line) && !comment.test(line)),
    )
    expect(broken.map((file) => file.path)).toEqual([])
  })
})
