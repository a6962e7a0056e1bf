/**
 * Build requirements that a log says were not there. The sentences are those of rpmbuild 4.18, of dnf 4 and
 * dnf 5 (which mock runs), and of dnf's builddep plugin. Pure.
 */

/** So many are named; a build that lacks more is told so by its log. */
const MOST = 20
const LONGEST_CHARS = 100
const LONGEST_LINE_CHARS = 500

/** The text between two pieces, where both are there. */
function between(line: string, from: string, to: string): string | undefined {
  const begin = line.indexOf(from)
  const end = begin < 0 ? -1 : line.indexOf(to, begin + from.length)
  return end < 0 ? undefined : line.slice(begin + from.length, end).trim()
}

function after(line: string, begin: string): string | undefined {
  const plain = line.startsWith('Error: ') ? line.slice('Error: '.length) : line
  return plain.startsWith(begin) ? plain.slice(begin.length) : undefined
}

const SENTENCES: ((line: string) => string | undefined)[] = [
  // rpmbuild: `	cmake >= 99 is needed by a-1-1.x86_64`
  (line) =>
    /^\s.* is needed by \S+$/.test(line) ? between(line, '', ' is needed by ') : undefined,
  // dnf builddep: `No matching package to install: 'cmake >= 99'`
  (line) => after(line, 'No matching package to install: ')?.replaceAll("'", ''),
  // dnf: `No match for argument: cmake`; dnf 5 has the same words
  (line) => after(line, 'No match for argument: '),
  // dnf's solver: `- nothing provides cmake >= 99 needed by a-devel-1-1.x86_64`
  (line) => between(line, 'nothing provides ', ' needed by '),
]

export interface RequirementFinder {
  take(line: string): void
  /** Requirements as they are written, each once, in the log's order. */
  result(): string[]
}

export function createRequirementFinder(): RequirementFinder {
  const found = new Set<string>()
  return {
    take(line) {
      if (line.length > LONGEST_LINE_CHARS || found.size >= MOST) return
      for (const sentence of SENTENCES) {
        const name = sentence(line.trimEnd())
        if (name) found.add(name.slice(0, LONGEST_CHARS))
      }
    },
    result: () => [...found].slice(0, MOST),
  }
}
