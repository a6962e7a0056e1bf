/** The number of a row as somebody typed it. Pure. */

/** No row has this number. */
export const NO_ROW = 0

/** NO_ROW for what is no number of a row: a database would refuse the query, where there is just no such row. */
export function rowNumber(typed: string | null | undefined): number {
  const number = /^\d{1,16}$/.test(typed ?? '') ? Number(typed) : NO_ROW
  return Number.isSafeInteger(number) ? number : NO_ROW
}
