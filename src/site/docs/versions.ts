/**
 * Pages of the docs that differ by release: `docs/9/install` is for release 9 what `docs/install` is for all the
 * others. A version's folder holds only what differs. Pure.
 */

const VERSIONED = /^docs\/(\d+(?:\.\d+)*)\/(.+)$/

/** The version that a page is written for, undefined where it is for all that have none of their own. */
export function versionOf(id: string): string | undefined {
  return VERSIONED.exec(id)?.[1]
}

/** The page for all, of which this one may be the version. */
export function pageForAll(id: string): string {
  return id.replace(VERSIONED, 'docs/$2')
}

export interface Version {
  /** Undefined for the page for all. */
  version: string | undefined
  href: string
  current: boolean
}

const byNumber = new Intl.Collator('en', { numeric: true })

/**
 * All that say the same for other releases, the page for all first, then the newest.
 * @param id of the page that is shown
 * @param ids of all pages
 * @returns nothing where there is but this one
 */
export function versionsOf(id: string, ids: readonly string[]): Version[] {
  const page = pageForAll(id)
  const found = ids
    .filter((each) => pageForAll(each) === page)
    .map((each) => ({ version: versionOf(each), href: `/${each}`, current: each === id }))
  if (found.length < 2) return []
  return found.sort((a, b) => {
    if (a.version === undefined || b.version === undefined) return a.version === undefined ? -1 : 1
    return byNumber.compare(b.version, a.version)
  })
}
