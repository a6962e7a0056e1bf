/** The docs as files: their heads, their fenced blocks, and which of these are meant to be run. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { root } from './portal.ts'

export const docsFolder = join(root, 'content/docs')

export interface Block {
  /** Line of the fence that opens it, from 1. */
  line: number
  language: string
  /** Words behind the language: `test` runs in CI, `output` is what the block above must print. */
  marks: string[]
  text: string
}

export interface DocsPage {
  /** Below content/docs. */
  path: string
  /** Its address, such as /docs/install. */
  href: string
  head: Record<string, unknown>
  /** All of the file. */
  source: string
  /** The source without its head and its fenced blocks. */
  prose: string
  blocks: Block[]
}

const HEAD = /^---\n([\s\S]*?)\n---\n/

function readBlocks(source: string): Block[] {
  const blocks: Block[] = []
  let open: (Block & { fence: string; lines: string[] }) | undefined
  for (const [at, line] of source.split('\n').entries()) {
    const fence = /^(`{3,})(\S*)\s*(.*)$/.exec(line)
    if (open && line.trimEnd() === open.fence) {
      const { fence: _, lines, ...block } = open
      blocks.push({ ...block, text: lines.join('\n') })
      open = undefined
    } else if (open) open.lines.push(line)
    else if (fence) {
      const [, marker = '', language = '', meta = ''] = fence
      const marks = meta.split(/\s+/).filter(Boolean)
      open = { line: at + 1, language, marks, text: '', fence: marker, lines: [] }
    }
  }
  if (open) throw new Error(`the block of line ${open.line} has no end`)
  return blocks
}

export function readPage(path: string): DocsPage {
  const source = readFileSync(join(docsFolder, path), 'utf8')
  const slug = path.replace(/\.mdx?$/, '').replace(/(^|\/)index$/, '')
  return {
    ...{ path, source, href: slug === '' ? '/docs' : `/docs/${slug}` },
    head: (parse(HEAD.exec(source)?.[1] ?? '') ?? {}) as Record<string, unknown>,
    prose: source.replace(HEAD, '').replace(/^(`{3,})[\s\S]*?^\1$/gm, ''),
    blocks: readBlocks(source),
  }
}

export const docsPages = (): DocsPage[] =>
  readdirSync(docsFolder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.mdx?$/.test(path))
    .sort()
    .map(readPage)

/** Begins what a block printed; the number is the line of its fence. */
const MARK = '@@ block of line '

/**
 * A page's marked blocks as one script, in which each line has the number that it has on the page: what bash says
 * of a line is true of the page. The fence's own line tells the blocks' output apart.
 */
export function scriptOf(page: DocsPage): string {
  const lines = page.source.split('\n').map(() => '')
  lines[0] = `set -Eeuo pipefail; trap 'echo "line $LINENO: $BASH_COMMAND" >&2' ERR; exec 2>&1`
  for (const { line, text } of page.blocks.filter(({ marks }) => marks.includes('test'))) {
    lines[line - 1] = `echo '${MARK}${line}'`
    for (const [at, each] of text.split('\n').entries()) lines[line + at] = each
  }
  return lines.join('\n')
}

/** What each block printed, by the line of its fence. */
export function outputs(printed: string): Map<number, string> {
  const parts = printed.split(MARK).slice(1)
  return new Map(
    parts.map((part) => [Number.parseInt(part, 10), part.slice(part.indexOf('\n') + 1)]),
  )
}

/** Blocks marked `output`, each with the line of the block whose output it is. */
export function expectedOutputs(page: DocsPage): { line: number; of: number; lines: string[] }[] {
  return page.blocks.flatMap(({ marks, line, text }, at) => {
    if (!marks.includes('output')) return []
    const above = page.blocks[at - 1]
    if (!above?.marks.includes('test'))
      throw new Error(`${page.path}:${line}: the block above is not run`)
    const lines = text.split('\n').map((each) => each.trim())
    return [{ line, of: above.line, lines: lines.filter(Boolean) }]
  })
}
