/** A day as it is written in data, with how it is said. Pure. */

/** @param iso a day or a moment in RFC 3339. @example day('2032-05-31', 'en') is "31 May 2032" */
export function day(iso: string, language: string): string {
  return new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
    dateStyle: 'long',
    timeZone: 'UTC',
  }).format(new Date(iso))
}
