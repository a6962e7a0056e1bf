/**
 * The lines of a build's log that matter first. Takes lines one by one and keeps few of them, in time that
 * grows with the lines' length only. Pure.
 */
import type { Highlight } from './protocol.ts'

const most = 40
const longest = 400
/** So many lines before rpm gives up are shown whatever they say: what broke spoke last. */
const before = 3
/** Of a build whose failure no rule knows, its last lines. */
const last = 10

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
  // rpm
  { weight: 3, pattern: /^(error|RPM build errors|rpmbuild)\b/ },
  { weight: 3, pattern: /^warning: (bogus date|File listed twice)/ },
  {
    weight: 3,
    pattern:
      /Installed \(but unpackaged\) file|Arch dependent binaries in noarch|ambiguous python shebang|No translations found/,
  },
  { weight: 2, pattern: /^\/usr\/lib\/rpm\/\S+: / },
  // compilers and linkers
  {
    weight: 3,
    pattern:
      /\b(fatal error|internal compiler error|undefined reference|undefined symbol|ld returned \d|cannot find -l)/,
  },
  { weight: 3, pattern: /: (fatal )?error: / },
  // make, ninja, patch
  { weight: 3, pattern: /^make(\[\d+\])?: \*\*\*|^patch: \*\*\*\*|^ninja: build stopped/ },
  { weight: 3, pattern: /\*\*\* .{0,300}(Error|ERROR|Stop)/ },
  { weight: 3, pattern: /^Hunk #\d+ FAILED|\bhunks? FAILED|can't find file to patch/ },
  // tests
  { weight: 3, pattern: /^\s*(FAIL|ERROR|XPASS|not ok|FAILED)\b/ },
  { weight: 3, pattern: /tests FAILED:|\((Failed|Timeout|SEGFAULT|Not Run|Child aborted)\)$/ },
  { weight: 3, pattern: /^Failed \d+\/\d+ |^Result: FAIL|Dubious, test returned/ },
  // configure, CMake, meson, pkg-config
  { weight: 3, pattern: /^CMake Error|\bCould (NOT|not) find\b|\bERROR: / },
  { weight: 3, pattern: /^Package '[^']*'.* not found|^No package '[^']*' found/ },
  // languages
  { weight: 3, pattern: /^Can't locate |^BEGIN failed|(Error|Exception): |^E {3}/ },
  { weight: 3, pattern: /cannot find package|^npm (ERR!|error)|^\[ERROR\]|^Error: / },
  { weight: 2, pattern: /Traceback \(most recent call last\)|^thread '.*' panicked|^panic: / },
  // what the system refused
  { weight: 3, pattern: /^(Segmentation fault|Bus error|Illegal instruction|Killed|Aborted)\b/ },
  {
    weight: 3,
    pattern: /\(core dumped\)|No space left on device|Cannot allocate memory|command not found/,
  },
  // The sandbox has no network; these say that the build wanted it.
  {
    weight: 3,
    pattern:
      /Network is unreachable|Could not resolve host|Temporary failure in name resolution|Name or service not known|no such host/i,
  },
  {
    weight: 2,
    pattern:
      /: not found$|No such file or directory|Permission denied|Read-only file system|Cannot open|does not look like/,
  },
  {
    weight: 2,
    pattern:
      /^# (TOTAL|FAIL|ERROR|XPASS):\s+[1-9]|\b[1-9]\d* (tests? )?(failed|failures?|errors?)\b/i,
  },
  { weight: 2, pattern: /\b(error|fatal)\b ?:/i },
]

const gaveUp = /^error: Bad exit status from /
const unpackaged = /Installed \(but unpackaged\) file/

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences of terminals begin with one
const escapes = /\u001b(\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(\u0007|\u001b\\)?|.)/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: nothing but text is left over
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** A line as a page can show it: no colours, no control characters, no progress bar's past. */
function plain(line: string): string {
  let end = line.length
  while (end > 0 && line[end - 1] === '\r') end -= 1
  const begin = end === 0 ? 0 : line.lastIndexOf('\r', end - 1) + 1
  const shown = line.slice(begin, Math.min(end, begin + 4 * longest))
  return shown.replace(escapes, '').replace(controls, '').trimEnd().slice(0, longest)
}

function weigh(line: string): number {
  return rules.find(({ pattern }) => pattern.test(line))?.weight ?? 0
}

type Weighed = Highlight & { weight: number }

const heaviest = (found: Weighed[]) =>
  found.sort((a, b) => b.weight - a.weight || b.line - a.line).slice(0, most)

export interface Highlighter {
  /** @param line counted from 1. @param raw without its line end; of a very long one its begin */
  take(line: number, raw: string): void
  /**
   * @returns at most 40 lines in the log's order: of too many, those that matter most and come last,
   *   since what ends a build stands at its end. Where nothing speaks of an error, the last lines.
   */
  result(): Highlight[]
}

export function createHighlighter(): Highlighter {
  let found: Weighed[] = []
  let recent: Highlight[] = []
  let listing = false

  const add = (each: Highlight, weight: number) => {
    found.push({ ...each, weight })
    if (found.length > 50 * most) found = heaviest(found)
  }
  const addOnce = (each: Highlight) => {
    const known = found.find(({ line }) => line === each.line)
    if (known) known.weight = 4
    else add(each, 4)
  }

  return {
    take(line, raw) {
      const text = raw === '' ? '' : plain(raw)
      if (text === '') return
      if (gaveUp.test(text)) for (const each of recent.slice(-before)) addOnce(each)
      // rpm names the files that no package has, one a line, below the sentence.
      listing = unpackaged.test(text) || (listing && /^\s+\//.test(text))
      const weight = Math.max(weigh(text), listing ? 3 : 0)
      if (weight > 0) add({ line, text }, weight)
      recent.push({ line, text })
      if (recent.length > 100) recent = recent.slice(-last)
    },
    result() {
      const chosen = found.length > 0 ? heaviest(found) : recent.slice(-last)
      return chosen.sort((a, b) => a.line - b.line).map(({ line, text }) => ({ line, text }))
    },
  }
}
