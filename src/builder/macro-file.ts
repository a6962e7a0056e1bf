/** The macros that real specs use, for hosts whose rpm lacks them: data, in macros/macros. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface MacroDefinition {
  name: string
  /** As it stands in the file, with its continuation lines. */
  text: string
}

/** Reads a file of rpm macros: a definition begins with % at a line's begin, and goes on after a backslash. */
export function parseMacros(text: string): MacroDefinition[] {
  const found: MacroDefinition[] = []
  let open = false
  for (const line of text.split('\n')) {
    const last = found.at(-1)
    if (open && last) last.text += `\n${line}`
    else if (line.startsWith('%')) {
      const [, name = ''] = /^%([A-Za-z_]\w*)/.exec(line) ?? []
      found.push({ name, text: line })
    }
    open = line.endsWith('\\')
  }
  return found
}

/** Names that an rpm program defines. A host's own definition wins. */
async function definedBy(rpm: string, names: string[]): Promise<Set<string>> {
  const asked = names.map((name) => `%{?${name}:${name}}`).join('\n')
  const { stdout } = await run(rpm, ['--eval', asked], { timeout: 30_000 })
  return new Set(stdout.split('\n').filter(Boolean))
}

let missing: Promise<string> | undefined

/** Definitions that the host's rpm lacks, as text of a macro file. Asked of rpm once. */
export function missingMacros(): Promise<string> {
  missing ??= findMissing().catch((error: unknown) => {
    missing = undefined
    throw error
  })
  return missing
}

async function findMissing(): Promise<string> {
  const all = parseMacros(readFileSync(join(import.meta.dirname, 'macros/macros'), 'utf8'))
  const defined = await definedBy(
    'rpm',
    all.map(({ name }) => name),
  )
  return all
    .filter(({ name }) => !defined.has(name))
    .map(({ text }) => `${text}\n`)
    .join('')
}
