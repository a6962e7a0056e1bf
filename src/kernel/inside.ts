/** Joins paths of which a part comes from strangers. Pure. */
import { resolve, sep } from 'node:path'

/**
 * @returns the path of `parts` below `folder`
 * @throws Error when it would lie elsewhere, or be the folder itself
 */
export function inside(folder: string, ...parts: string[]): string {
  const base = resolve(folder)
  const path = resolve(base, ...parts)
  const below = path.startsWith(base.endsWith(sep) ? base : base + sep)
  if (!below || path.includes('\0')) throw new Error(`${JSON.stringify(parts)} is not in ${base}`)
  return path
}
