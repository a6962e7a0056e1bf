/**
 * Every regular expression of the portal takes time that grows with its text's length only: each literal
 * in src/ is run on long texts of what makes expressions go back and forth. Ratios decide, not clocks.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { root } from '../../src/kernel/paths.ts'
import { beginnings } from '../support/expression-samples.ts'

/** For one expression on all texts; only one that never ends needs it. */
const STUCK_MS = 20_000
/** Whatever strangers like to repeat. */
const SUSPICIOUS = [...'\r\n \t()[]{}<>*_a0-:;/\\.,=+~#\'"`!|&@%^$?\u001bA\u00e9']
const FEW = [...' \n\ra0x/.-:[(']

interface Found {
  where: string
  source: string
  flags: string
}

function expressionsOf(path: string): Found[] {
  const text = readFileSync(join(root, path), 'utf8')
  const script = path.endsWith('.astro') ? (/^---\n(.*?)\n---/s.exec(text)?.[1] ?? '') : text
  const file = ts.createSourceFile(path, script, ts.ScriptTarget.Latest, true)
  const found: Found[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/')
      const { line } = file.getLineAndCharacterOfPosition(node.getStart())
      const [source, flags] = [node.text.slice(1, end), node.text.slice(end + 1)]
      found.push({ where: `${path}:${line + 1}`, source, flags })
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

const expressions = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') || name.endsWith('.astro'))
  .flatMap((name) => expressionsOf(join('src', name)))

/** [what stands before, what is repeated]. */
function texts(source: string): [string, string][] {
  const begun = beginnings(source)
  const samples = begun.at(-1) ?? 'a'
  return [
    ...[...SUSPICIOUS, ...begun].map((piece): [string, string] => ['', piece]),
    ...begun.flatMap((before) =>
      [...new Set([...FEW, ...samples.slice(-3)])].map((piece): [string, string] => [
        before,
        piece,
      ]),
    ),
  ]
}

/**
 * Runs inside a context, so that what never ends can be ended. A text counts as slow when all matches in
 * SIZE characters take a while and four times as many take eight times that: a linear expression takes four,
 * a quadratic one sixteen, and either may be off by half on a busy machine.
 */
const judgeInside = `(source, flags, texts, now) => {
  const SIZE = 4096, QUICK_MS = 1
  const expression = new RegExp(source, flags.includes('g') ? flags : flags + 'g')
  const time = (before, piece, end, size) => {
    const text = before + piece.repeat(size / Math.max(1, piece.length / 4)) + end
    const began = now()
    text.replace(expression, '')
    return now() - began
  }
  const least = (...rest) => Math.min(time(...rest), time(...rest), time(...rest))
  for (const [before, piece] of texts)
    for (const end of ['', '\\u0001']) {
      if (time(before, piece, end, SIZE) < QUICK_MS) continue
      const once = least(before, piece, end, SIZE)
      if (once >= QUICK_MS && least(before, piece, end, 4 * SIZE) > 8 * once)
        return [before, piece]
    }
}`
const judge = runInContext(judgeInside, createContext()) as (
  ...rest: [string, string, [string, string][], () => number]
) => [string, string] | undefined

/** @returns what stands before and what is repeated where it is slow, or undefined */
function slowOn({ source, flags }: Pick<Found, 'source' | 'flags'>): string | undefined {
  const context = createContext({
    run: () => judge(source, flags, texts(source), () => performance.now()),
  })
  try {
    const found = runInContext('run()', context, { timeout: STUCK_MS })
    return found && JSON.stringify(found)
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return 'no end'
    throw error
  }
}

test('the measure tells quadratic expressions from linear ones', () => {
  expect(slowOn(/\r+$/)).toBe('["","\\r"]')
  expect(slowOn(/<!--.*?-->/s)).toMatch(/^\["","<!--/)
  expect(slowOn(/^key: .*x?.*y/)).toBeDefined()
  expect(slowOn(/(?<!\r)\r+$/)).toBeUndefined()
  expect(slowOn(/^[\s\S]*x/)).toBeUndefined()
})

test('every expression in src/ is linear', { timeout: 120_000 }, () => {
  expect(expressions.length).toBeGreaterThan(200)
  const slow = expressions.flatMap((each) => {
    // On a busy machine a linear one can be slow once; a quadratic one is slow each time.
    const found = slowOn(each) && slowOn(each) && slowOn(each)
    return found === undefined ? [] : [`${each.where} /${each.source}/${each.flags} on ${found}`]
  })
  expect(slow).toEqual([])
})
