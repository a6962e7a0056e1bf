/** Addresses that a compose emitted, as links of this site. Pure. */

/** A path of this portal from an address under it, so that a page works under whatever name it is read. */
export function onThisSite(address: string): string {
  const { pathname } = new URL(address)
  return pathname
}
