/** The lines of a build's log that matter first. Pure. */
import type { Highlight } from './protocol.ts'

const most = 40
const longest = 400

/** Higher matters more; what an earlier rule has taken no later one sees. */
const rules: { weight: number; pattern: RegExp }[] = [
  // Errors that configure scripts and tests provoke on purpose, or summaries that say all is well.
  {
    weight: 0,
    pattern:
      /^(checking |configure: (creating|WARNING)|PASS[: ]|# (XFAIL|FAIL|ERROR|XPASS):\s+0\b)/,
  },
  {
    weight: 0,
    pattern: /\b0 (errors?|failed|failures?)\b(?!.*\b[1-9]\d* (errors?|failed|failures?))/i,
  },
  { weight: 3, pattern: /^(error|RPM build errors|rpmbuild?): ?\S*/ },
  { weight: 3, pattern: /^RPM build errors/ },
  {
    weight: 3,
    pattern: /(^|\s)(fatal error|internal compiler error|undefined reference|ld returned \d+)\b/,
  },
  { weight: 3, pattern: /^\S+:\d+(:\d+)?: (fatal )?error: / },
  { weight: 3, pattern: /^(FAIL|ERROR|XPASS|not ok|FAILED)\b/ },
  { weight: 3, pattern: /\*\*\* .*(Error|Stop)|^make(\[\d+\])?: \*\*\*|^ninja: build stopped/ },
  {
    weight: 3,
    pattern:
      /^(configure|CMake Error|meson\.build\S*|cmake): ?(error|ERROR)?.*(error|ERROR)|^CMake Error/,
  },
  {
    weight: 3,
    pattern:
      /^(Segmentation fault|Killed|Aborted|.*: (command not found|No space left on device|Cannot allocate memory))/,
  },
  // The sandbox has no network; these say that the build wanted it.
  {
    weight: 3,
    pattern:
      /(Network is unreachable|Could not resolve host|Temporary failure in name resolution|Name or service not known)/i,
  },
  {
    weight: 2,
    pattern:
      /^# (TOTAL|FAIL|ERROR|XPASS):\s+[1-9]|\b[1-9]\d* (tests? )?(failed|failures?|errors?)\b/i,
  },
  {
    weight: 2,
    pattern:
      /Traceback \(most recent call last\)|^\w*(Error|Exception): |^thread '.*' panicked|^panic: /,
  },
  { weight: 2, pattern: /\b(error|fatal)\b ?:/i },
  { weight: 1, pattern: /\bwarning: (bogus date|Installed \(but unpackaged\)|File listed twice)/i },
]

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences of terminals begin with one
const escapes = /\u001b(\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(\u0007|\u001b\\)?|.)/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: nothing but text is left over
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** A line as a page can show it: no colours, no control characters, no progress bar's past. */
function plain(line: string): string {
  const ended = line.replace(/\r+$/, '')
  const shown = ended.slice(ended.lastIndexOf('\r') + 1).slice(0, 4 * longest)
  return shown.replace(escapes, '').replace(controls, '').trimEnd().slice(0, longest)
}

function weigh(line: string): number {
  return rules.find(({ pattern }) => pattern.test(line))?.weight ?? 0
}

/** Lines one by one: a log of nothing but line ends must not become an array of them. */
function* lines(log: string): Generator<string> {
  for (let begin = 0; begin < log.length; ) {
    const end = log.indexOf('\n', begin)
    yield log.slice(begin, end === -1 ? log.length : end)
    if (end === -1) return
    begin = end + 1
  }
}

type Weighed = Highlight & { weight: number }

const heaviest = (found: Weighed[]) =>
  found.sort((a, b) => b.weight - a.weight || b.line - a.line).slice(0, most)

/**
 * @param log whole text of a log
 * @returns at most 40 lines in the log's order: of too many, those that matter most and come last,
 *   since what ends a build stands at its end
 */
export function findHighlights(log: string): Highlight[] {
  let found: Weighed[] = []
  let line = 0
  for (const raw of lines(log)) {
    line += 1
    const text = plain(raw)
    const weight = text === '' ? 0 : weigh(text)
    if (weight > 0) found.push({ line, text, weight })
    if (found.length > 50 * most) found = heaviest(found)
  }
  return heaviest(found)
    .sort((a, b) => a.line - b.line)
    .map(({ line, text }) => ({ line, text }))
}
