/** What every answer tells a browser about itself: pages, docs, files and refusals alike. */
import type { MiddlewareHandler } from 'hono'
import type { Config } from './config.ts'
import type { HttpEnv } from './http.ts'

/** Everything comes from here; the style attribute is for the numbers of charts and progress. */
const contentSecurityPolicy = [
  "default-src 'self'",
  // The docs' index is WebAssembly.
  "script-src 'self' 'wasm-unsafe-eval'",
  "img-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

/** A year, as ASVS 5.0 3.4.1 asks for. */
const HSTS = 'max-age=31536000; includeSubDomains'

/** Whether people reach the portal by https, whatever the last proxy speaks with it. */
export const isHttps = (config: Pick<Config, 'url'>) => config.url.startsWith('https:')

/** The headers of every answer. A promise of https is made where it is kept only. */
export function securityHeaders(config: Pick<Config, 'url'>): Record<string, string> {
  return {
    'Content-Security-Policy': contentSecurityPolicy,
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Origin-Agent-Cluster': '?1',
    'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
    'Referrer-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'X-Permitted-Cross-Domain-Policies': 'none',
    ...(isHttps(config) && { 'Strict-Transport-Security': HSTS }),
  }
}

export function securedAnswers(config: Pick<Config, 'url'>): MiddlewareHandler<HttpEnv> {
  const headers = Object.entries(securityHeaders(config))
  return async (c, next) => {
    await next()
    for (const [name, value] of headers) c.res.headers.set(name, value)
  }
}
