/** Names of countries in the reader's language. */

/** @param code ISO 3166-1 alpha-2; shown as it is where the language has no name for it */
export function countryName(code: string, language: string): string {
  return new Intl.DisplayNames([language], { type: 'region', fallback: 'code' }).of(code) ?? code
}
