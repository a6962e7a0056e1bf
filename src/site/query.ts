/** What a list page reads from its address; anything that is not one of ours is as if it were not there. */
import { PortalError } from '../kernel/errors.ts'
import { decodeCursor } from '../kernel/http.ts'

/** A parameter that is one of these words. */
export function oneOf<T extends string>(
  url: URL,
  name: string,
  words: readonly T[],
): T | undefined {
  const value = url.searchParams.get(name)
  return words.find((word) => word === value)
}

/** Free text of a search box, at most 100 characters. */
export function searched(url: URL, name: string): string | undefined {
  return url.searchParams.get(name)?.trim().slice(0, 100) || undefined
}

/** The place in a list; an unknown one is its beginning. */
export function cursorOf(url: URL): string | undefined {
  const cursor = url.searchParams.get('cursor') ?? undefined
  try {
    decodeCursor(cursor)
    return cursor
  } catch (error) {
    if (error instanceof PortalError) return undefined
    throw error
  }
}

/** The same list with these parameters changed; null or undefined takes one away. */
export function withQuery(url: URL, changes: Record<string, string | null | undefined>): string {
  const params = new URLSearchParams(url.searchParams)
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === '') params.delete(name)
    else params.set(name, value)
  }
  const query = params.toString()
  return query === '' ? url.pathname : `${url.pathname}?${query}`
}

/** Addresses of the next and the first part of a list. */
export function partsOf(url: URL, next: string | null) {
  return {
    next: next && withQuery(url, { cursor: next }),
    first: url.searchParams.has('cursor') ? withQuery(url, { cursor: null }) : null,
  }
}
