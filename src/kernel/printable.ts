/** Text of strangers for a terminal, which would obey what is in it. Pure. */

/** Control characters but line feed and tab, and those that turn the direction of what follows. */
const obeyed = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu

/** Shows what a terminal would act upon as its number: ESC is \x1b. */
export function printable(text: string): string {
  return text.replace(obeyed, (sign) => {
    if (sign === '\n' || sign === '\t') return sign
    const number = sign.charCodeAt(0).toString(16)
    return number.length <= 2 ? `\\x${number.padStart(2, '0')}` : `\\u${number}`
  })
}
