/** What a distribution looks like: its icon and card as files, its colours as rules for the head of each page. */
import { createHash } from 'node:crypto'
import { Hono } from 'hono'
import type { App } from './kernel/context.ts'
import type { Brand, Distribution } from './kernel/distribution.ts'
import { PortalError } from './kernel/errors.ts'
import type { HttpContext, HttpEnv } from './kernel/http.ts'

const declare = (colours: Record<string, string>) =>
  Object.entries(colours)
    .map(([name, value]) => `--${name}:${value}`)
    .join(';')

/** Rules that replace colours of the palette; empty where a distribution keeps them. */
export function brandCss({ light, dark }: Pick<Brand, 'light' | 'dark'>): string {
  const rule = (media: string, colours: Record<string, string>) =>
    Object.keys(colours).length > 0 ? `@media ${media}{html:root{${declare(colours)}}}` : ''
  // Stronger than the palette's :root, wherever in the head it stands; on paper the palette's black and white stay.
  return rule('screen', light) + rule('screen and (prefers-color-scheme:dark)', dark)
}

function answer(c: HttpContext, bytes: Buffer | string | undefined, type: string): Response {
  if (bytes === undefined) throw new PortalError('not-found')
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 27)}"`
  const headers = { ETag: etag, 'Cache-Control': 'public, max-age=3600', 'Content-Type': type }
  if (c.req.header('If-None-Match') === etag) return c.body(null, 304, headers)
  return c.body(typeof bytes === 'string' ? bytes : new Uint8Array(bytes), 200, headers)
}

/**
 * What a preview of a link shows (ogp.me); empty where a distribution has no card.
 * @param origin of the portal: these addresses must be absolute
 */
export function cardMeta(
  { name, tagline, brand }: Pick<Distribution, 'name' | 'tagline' | 'brand'>,
  origin: string,
): { property: string; content: string }[] {
  if (brand.card === undefined) return []
  return [
    { property: 'og:image', content: new URL('/brand/card.png', origin).href },
    { property: 'og:image:type', content: 'image/png' },
    { property: 'og:image:width', content: '1200' },
    { property: 'og:image:height', content: '630' },
    { property: 'og:image:alt', content: `${name}: ${tagline}` },
  ]
}

/** /brand/icon.svg and /brand/card.png. */
export function createBrandFiles({ distribution: { brand } }: App): Hono<HttpEnv> {
  const files = new Hono<HttpEnv>()
  files.get('/icon.svg', (c) => answer(c, brand.icon, 'image/svg+xml'))
  files.get('/card.png', (c) => answer(c, brand.card, 'image/png'))
  return files
}
