/** What a regular expression wants to see: the beginnings of a text that it goes along with. */

interface Part {
  sample: string
  end: number
}

const escaped: Record<string, string> = {
  ...{ d: '0', D: 'x', w: 'a', W: ' ', s: ' ', S: 'x', b: '', B: '', n: '\n', r: '\r', t: '\t' },
  ...{ '0': '\0', f: '\f', v: '\v' },
}

/** One escape at `at` (a backslash). */
function escapeAt(source: string, at: number): Part {
  const code = /^\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|u\{([0-9a-f]+)\})/i.exec(
    source.slice(at, at + 12),
  )
  if (code) {
    const hex = code[1] ?? code[2] ?? code[3] ?? '0'
    return { sample: String.fromCodePoint(Number.parseInt(hex, 16)), end: at + code[0].length }
  }
  const property = /^\\[pP]\{[^}]*\}/.exec(source.slice(at, at + 60))
  if (property) return { sample: 'a', end: at + property[0].length }
  const name = source[at + 1] ?? ''
  if (name >= '1' && name <= '9') return { sample: '', end: at + 2 }
  return { sample: escaped[name] ?? name, end: at + 2 }
}

/** A class at `at` (a bracket): one of its members. */
function classAt(source: string, at: number): Part {
  const negated = source[at + 1] === '^'
  const begin = at + (negated ? 2 : 1)
  let end = begin
  while (end < source.length && source[end] !== ']') end += source[end] === '\\' ? 2 : 1
  const first = source[begin] === '\\' ? escapeAt(source, begin).sample : (source[begin] ?? '')
  const text = source.slice(begin, end)
  const other = ['x', '0', '~', ' '].find((each) => !new RegExp(`[${text}]`).test(each)) ?? 'x'
  return { sample: negated ? other : first, end: end + 1 }
}

function groupAt(source: string, at: number): Part {
  const kind = /^\((\?(?:<[A-Za-z]\w*>|[:=!]|<[=!]|[a-z-]*:))?/.exec(source.slice(at, at + 40))
  const inner = alternatives(source, at + (kind?.[0].length ?? 1))
  const unread = /^\?(?:[=!]|<[=!])/.test(kind?.[1] ?? '')
  return { sample: unread ? '' : (inner.parts.join('') ?? ''), end: inner.end + 1 }
}

function atomAt(source: string, at: number): Part {
  const char = source[at] ?? ''
  if (char === '\\') return escapeAt(source, at)
  if (char === '[') return classAt(source, at)
  if (char === '(') return groupAt(source, at)
  if (char === '^' || char === '$') return { sample: '', end: at + 1 }
  return { sample: char === '.' ? 'x' : char, end: at + 1 }
}

/** The first alternative's parts, up to the closing parenthesis or the end. */
function alternatives(source: string, begin: number): { parts: string[]; end: number } {
  const parts: string[] = []
  let at = begin
  let first = true
  while (at < source.length && source[at] !== ')') {
    if (source[at] === '|') {
      first = false
      at += 1
      continue
    }
    const atom = atomAt(source, at)
    const times = /^(?:[*+?]|\{(\d+)(?:,\d*)?\})\??/.exec(source.slice(atom.end, atom.end + 20))
    at = atom.end + (times?.[0].length ?? 0)
    if (first) parts.push(atom.sample.repeat(Math.min(40, Number(times?.[1] ?? 1))))
  }
  return { parts, end: at }
}

/** @returns texts that an expression accepts up to each of its parts, the shortest first */
export function beginnings(source: string): string[] {
  const { parts } = alternatives(source, 0)
  const found = parts.map((_, count) => parts.slice(0, count + 1).join(''))
  return [...new Set(found)].filter((text) => text !== '' && text.length < 400)
}
