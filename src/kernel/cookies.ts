/** Names and attributes of our cookies. */
import type { Config } from './config.ts'
import { isHttps } from './security-headers.ts'

/**
 * By https a cookie's name begins with `__Host-`: browsers then take it from this host only, over https only, so
 * that no neighbour under the same domain can plant one (RFC 6265bis, 4.1.3.2).
 */
export const cookieName = (config: Pick<Config, 'url'>, name: string) =>
  isHttps(config) ? `__Host-${name}` : name

/** What such a name asks for, and that no script reads it. */
export const cookieAttributes = (config: Pick<Config, 'url'>) =>
  ({ path: '/', httpOnly: true, sameSite: 'Lax', secure: isHttps(config) }) as const
