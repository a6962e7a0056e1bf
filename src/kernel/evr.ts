/**
 * Names and versions as rpm understands them. The comparison follows rpmvercmp() of rpm
 * (rpmio/rpmvercmp.c): segments of digits or letters, `~` before everything, `^` after its base.
 */

export interface Evr {
  epoch: number
  version: string
  release: string
}

/** name-version-release, split from the right. Undefined where it is none. */
export function parseNvr(
  nvr: string,
): { name: string; version: string; release: string } | undefined {
  const match = /^([A-Za-z0-9][A-Za-z0-9._+-]*)-([^-\s/]+)-([^-\s/]+)$/.exec(nvr)
  if (!match?.[1] || !match[2] || !match[3]) return undefined
  return { name: match[1], version: match[2], release: match[3] }
}

const isDigit = (char: string) => char >= '0' && char <= '9'
const isLetter = (char: string) => /[A-Za-z]/.test(char)

function segment(text: string, from: number, of: (char: string) => boolean): number {
  let end = from
  while (end < text.length && of(text.charAt(end))) end++
  return end
}

function skipSeparators(text: string, from: number): number {
  return segment(text, from, (c) => !isDigit(c) && !isLetter(c) && c !== '~' && c !== '^')
}

function compareNumbers(a: string, b: string): number {
  const left = a.replace(/^0+/, '')
  const right = b.replace(/^0+/, '')
  if (left.length !== right.length) return left.length < right.length ? -1 : 1
  return left < right ? -1 : left > right ? 1 : 0
}

/** `~` and `^`, which sort before and after the end of a string. Undefined where neither stands. */
function compareMarks(a: string, b: string): { decided: number } | 'both' | undefined {
  if (a === '~' || b === '~') {
    if (a !== '~') return { decided: 1 }
    if (b !== '~') return { decided: -1 }
    return 'both'
  }
  if (a === '^' || b === '^') {
    if (a === '') return { decided: -1 }
    if (b === '') return { decided: 1 }
    if (a !== '^') return { decided: 1 }
    if (b !== '^') return { decided: -1 }
    return 'both'
  }
  return undefined
}

/** @returns -1, 0 or 1 as `a` is older than, the same as or newer than `b` */
export function compareVersions(a: string, b: string): -1 | 0 | 1 {
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    i = skipSeparators(a, i)
    j = skipSeparators(b, j)
    const marks = compareMarks(a.charAt(i), b.charAt(j))
    if (marks === 'both') {
      i++
      j++
      continue
    }
    if (marks) return marks.decided as -1 | 1
    if (i >= a.length || j >= b.length) break
    const of = isDigit(a.charAt(i)) ? isDigit : isLetter
    const endA = segment(a, i, of)
    const endB = segment(b, j, of)
    // Segments of different kinds: the one with digits is newer.
    if (endB === j) return of === isDigit ? 1 : -1
    const left = a.slice(i, endA)
    const right = b.slice(j, endB)
    const order =
      of === isDigit ? compareNumbers(left, right) : left < right ? -1 : left > right ? 1 : 0
    if (order !== 0) return order as -1 | 1
    i = endA
    j = endB
  }
  if (i >= a.length && j >= b.length) return 0
  return i < a.length ? 1 : -1
}

/** @returns -1, 0 or 1 as `a` is older than, the same as or newer than `b` */
export function compareEvr(a: Evr, b: Evr): -1 | 0 | 1 {
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1
  return compareVersions(a.version, b.version) || compareVersions(a.release, b.release)
}
