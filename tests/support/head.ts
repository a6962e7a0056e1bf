/** What a page says of itself in its head: for search engines, for previews of links, and for who reads it aloud. */

export interface Head {
  lang: string | undefined
  dir: string | undefined
  canonical: string | undefined
  robots: string | undefined
  /** og:… and their contents; of one that stands twice, all. */
  og: Map<string, string[]>
  /** JSON-LD of each script element, parsed. */
  data: Record<string, unknown>[]
}

const plain = (text: string) =>
  text
    .replaceAll('&#38;', '&')
    .replaceAll('&#34;', '"')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')

/** Attributes of a start tag. */
function attributes(tag: string): Record<string, string> {
  const found = tag.matchAll(/\s([a-z:-]+)="([^"]*)"/g)
  return Object.fromEntries([...found].map(([, name, value = '']) => [name, plain(value)]))
}

/** @throws SyntaxError where JSON-LD is no JSON */
export function headOf(html: string): Head {
  const tags = (name: string) =>
    [...html.matchAll(new RegExp(`<${name}\\b[^>]*>`, 'g'))].map(([tag]) => attributes(tag))
  const metas = tags('meta')
  const og = new Map<string, string[]>()
  for (const { property, content = '' } of metas)
    if (property?.startsWith('og:')) og.set(property, [...(og.get(property) ?? []), content])
  const [root] = tags('html')
  const scripts = html.matchAll(/<script type="application\/ld\+json">([\s\S]*?)<\/script>/g)
  return {
    ...{ lang: root?.lang, dir: root?.dir, og },
    canonical: tags('link').find(({ rel }) => rel === 'canonical')?.href,
    robots: metas.find(({ name }) => name === 'robots')?.content,
    data: [...scripts].map(([, json = '']) => JSON.parse(json)),
  }
}

/** Addresses of a sitemap. */
export const placesOf = (sitemap: string): string[] =>
  [...sitemap.matchAll(/<loc>([^<]*)<\/loc>/g)].map(([, loc = '']) => plain(loc))
