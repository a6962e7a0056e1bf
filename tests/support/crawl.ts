/** Walks a whole site by its links, as a search engine does: each address once, none of another origin. */

export interface Answer {
  status: number
  /** Media type with its parameters; empty where there is none. */
  type: string
  /** Empty where it is no text. */
  text: string
  /** Where the first link to it was. */
  from: string
}

const text = /^text\/|json|xml|javascript/

/** Addresses of the same origin in a page: links, and what it loads. */
export function linksOf(html: string, base: string): URL[] {
  const { origin } = new URL(base)
  const found = html.matchAll(/<(?:a|link|area|script|img)\b[^>]*\s(?:href|src)="([^"]*)"/g)
  return [...found].flatMap(([, href = '']) => {
    const url = URL.parse(href.replaceAll('&amp;', '&').replaceAll('&#38;', '&'), base)
    return url && url.origin === origin ? [url] : []
  })
}

/**
 * Asks for every address that pages lead to, but no published files.
 * @param origin `http://127.0.0.1:4321`
 * @param routes where it begins
 * @param headers of whoever walks; nobody, unless they say who
 * @returns answers by path and query
 */
export async function crawl(
  origin: string,
  routes: string[],
  headers: Record<string, string> = {},
): Promise<Map<string, Answer>> {
  const waiting = routes.map((route) => ({ url: new URL(route, origin), from: 'the test' }))
  const seen = new Map<string, Answer>()
  for (let next = waiting.shift(); next && seen.size < 3000; next = waiting.shift()) {
    const { url, from } = next
    const key = url.pathname + url.search
    if (seen.has(key) || url.pathname.startsWith('/pub/')) continue
    const answer = await fetch(origin + key, { headers: { ...headers, Accept: 'text/html' } })
    const type = answer.headers.get('Content-Type') ?? ''
    const read = await answer.text()
    const body = text.test(type) ? read : ''
    seen.set(key, { status: answer.status, type, text: body, from })
    // Filters and languages multiply the same links: their pages are asked for, and not followed.
    if (!type.startsWith('text/html') || (url.search !== '' && !url.search.startsWith('?q=')))
      continue
    for (const link of linksOf(body, origin + key)) waiting.push({ url: link, from: key })
  }
  return seen
}
