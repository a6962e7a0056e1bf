/** Says what cannot be otherwise: where it is, the program is at fault and nobody should go on. Pure. */

/** @throws Error where there is nothing */
export function must<T>(value: T | null | undefined, what = 'a value that is always there'): T {
  if (value === null || value === undefined) throw new Error(`${what} is missing`)
  return value
}
