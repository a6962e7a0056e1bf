/**
 * Which language a visitor reads: the one that was chosen on a page (`?lang=`, then kept in a cookie), else
 * the first of the browser's that there is.
 */
import type { MiddlewareHandler } from 'hono'
import { setCookie } from 'hono/cookie'
import { languageDetector } from 'hono/language'
import type { Config } from './config.ts'
import { cookieAttributes, cookieName } from './cookies.ts'
import type { HttpEnv } from './http.ts'

const LANGUAGE_COOKIE = 'slipway_lang'
const YEAR_S = 365 * 24 * 3600

/** Puts the language into the request's context. @param languages those that there are words for */
export function chosenLanguage(
  config: Pick<Config, 'url'>,
  languages: string[],
): MiddlewareHandler<HttpEnv>[] {
  const cookie = cookieName(config, LANGUAGE_COOKIE)
  const detect = languageDetector({
    supportedLanguages: languages,
    fallbackLanguage: 'en',
    order: ['querystring', 'cookie', 'header'],
    lookupQueryString: 'lang',
    lookupCookie: cookie,
    // Only a choice is kept, never a guess.
    caches: false,
    ignoreCase: true,
    // `de-AT` reads `de`.
    convertDetectedLanguage: (tag) => (languages.includes(tag) ? tag : (tag.split('-')[0] ?? tag)),
  })
  const keep: MiddlewareHandler<HttpEnv> = async (c, next) => {
    const language = c.get('language')
    c.set('ctx', { ...c.get('ctx'), language })
    await next()
    // After the page: headers set before it do not reach the answer that Astro makes.
    if (c.req.query('lang') === language)
      setCookie(c, cookie, language, { ...cookieAttributes(config), maxAge: YEAR_S })
  }
  return [detect, keep]
}

/** `rtl` for Arabic, Hebrew and others that are written from right to left. */
export function directionOf(language: string): 'ltr' | 'rtl' {
  const script = new Intl.Locale(language).maximize().script ?? ''
  return ['Arab', 'Hebr', 'Syrc', 'Thaa', 'Nkoo', 'Adlm', 'Rohg'].includes(script) ? 'rtl' : 'ltr'
}
