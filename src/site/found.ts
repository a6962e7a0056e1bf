/** For pages: a verb's `not-found` as undefined, so that the page can give its place to 404. */
import { PortalError } from '../kernel/errors.ts'

export async function found<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof PortalError && error.status === 404) return undefined
    throw error
  }
}
