/**
 * Build requirements that a log says were not there. The sentences are those of rpmbuild 4.18, of dnf 4 and
 * dnf 5 (which mock runs), and of dnf's builddep plugin. Pure.
 */

/** So many are named; a build that lacks more is told so by its log. */
const MOST = 20
const LONGEST_CHARS = 100

const SENTENCES = [
  // rpmbuild: `	cmake >= 99 is needed by a-1-1.x86_64`
  /^\s+(\S.*?) is needed by \S+$/,
  // dnf builddep: `No matching package to install: 'cmake >= 99'`
  /^(?:Error: )?No matching package to install: '(.+)'$/,
  // dnf: `No match for argument: cmake`; dnf 5 has the same words
  /^(?:Error: )?No match for argument: (.+)$/,
  // dnf's solver: `- nothing provides cmake >= 99 needed by a-devel-1-1.x86_64`
  /\bnothing provides (\S.*?) needed by \S+/,
]

/** @param log whole text of a log. @returns requirements as they are written, each once, in the log's order */
export function findMissingRequirements(log: string): string[] {
  const found = new Set<string>()
  for (const line of log.split('\n')) {
    if (line.length > 500) continue
    for (const sentence of SENTENCES) {
      const [, name] = sentence.exec(line.trimEnd()) ?? []
      if (name !== undefined) found.add(name.slice(0, LONGEST_CHARS))
    }
    if (found.size >= MOST) break
  }
  return [...found]
}
