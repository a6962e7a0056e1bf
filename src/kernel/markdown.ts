/**
 * Markdown that people write (notes, comments) as HTML that is safe to show: GitHub's flavour, no HTML
 * of their own, no pictures from elsewhere, headings below those of the page. Pure.
 */
import { Marked } from 'marked'
import sanitizeHtml from 'sanitize-html'

/** Grows with every change of what a text becomes: what is kept of an earlier one is made anew. */
export const RENDERER_VERSION = 1

const marked = new Marked({ async: false, gfm: true, breaks: true })

/** Deeper than this no one nests on purpose, and the parser would recurse until the stack ends. */
const MAX_NESTING = 30

/** Emphasis is matched in time that grows with the square of its marks. */
const MAX_MARKS = 4000

/** Cells of a table: its short rows are filled up to the width of its head, so that 50 kB made 7 million. */
const MAX_CELLS = 10_000

/** Addresses of mail are looked for anew at each part of such a run. */
const MAX_RUN = 500

/** Of what is shown. People's texts grow by a half; more is made by repetition. */
const MAX_HTML_CHARS = 400_000

const rules: sanitizeHtml.IOptions = {
  allowedTags: [
    ...['p', 'br', 'hr', 'strong', 'em', 'del', 'code', 'pre', 'blockquote', 'a'],
    ...['ul', 'ol', 'li', 'h3', 'h4', 'h5', 'h6'],
    ...['table', 'thead', 'tbody', 'tr', 'th', 'td'],
  ],
  allowedAttributes: { a: ['href', 'rel'], ol: ['start'] },
  allowedSchemes: ['http', 'https', 'mailto'],
  allowProtocolRelative: false,
  // What a tag of theirs was meant to be stays readable, as the text that they typed.
  disallowedTagsMode: 'escape',
  transformTags: {
    a: (tagName, { href = '' }) => ({ tagName, attribs: { href, rel: 'nofollow noopener ugc' } }),
    h1: 'h3',
    h2: 'h4',
    h3: 'h5',
    h4: 'h6',
    h5: 'h6',
    img: (_, { alt = '', src = '' }) => ({ tagName: 'p', attribs: {}, text: alt || src }),
  },
}

/** @param text up to the 50,000 characters that input.ts allows */
export function renderMarkdown(text: string): string {
  const clean = text.replaceAll('\0', '')
  if (isTooMuchWork(clean)) return plainText(clean)
  try {
    const html = sanitizeHtml(marked.parse(clean, { async: false }), rules)
    return html.length > MAX_HTML_CHARS ? plainText(clean) : html
  } catch {
    // A text that the parser can't take is shown as it was typed.
    return plainText(clean)
  }
}

/** Whether a text would take work out of proportion to its length; each question is linear. */
function isTooMuchWork(text: string): boolean {
  const run = new RegExp(`[\\w.+-]{${MAX_RUN}}`)
  return nestsDeeply(text) || hasTooManyMarks(text) || hasTooManyCells(text) || run.test(text)
}

/** Every line may be a row of the widest table that there is. */
function hasTooManyCells(text: string): boolean {
  const lines = text.split('\n')
  let widest = 0
  // A table begins under a line of hyphens and bars, perhaps in a list or a quote.
  for (const line of lines)
    if (line.includes('-') && line.includes('|') && /^[\s|:>*+.)\d-]*$/.test(line))
      widest = Math.max(widest, line.split('|').length)
  return widest * lines.length > MAX_CELLS
}

function nestsDeeply(text: string): boolean {
  const marks = new RegExp(`^(?:[ \\t]*(?:>|[-+*]|\\d{1,9}[.)])){${MAX_NESTING}}`, 'm')
  return marks.test(text) || new RegExp(`[[(*_~]{${MAX_NESTING * 4}}`).test(text)
}

function hasTooManyMarks(text: string): boolean {
  return text.length > MAX_MARKS && (text.match(/[*_~[`]/g)?.length ?? 0) > MAX_MARKS
}

/** A text as it was typed. */
export function plainText(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return `<pre>${escaped}</pre>`
}

/** The first words of a text without its marks, for feeds, tables and previews. */
export function firstWords(text: string, max_chars: number): string {
  const line = text
    .replaceAll(/[#>*_`~[\]]/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return line.length <= max_chars ? line : `${line.slice(0, max_chars - 1).trimEnd()}…`
}
