/** Names of packages that are not for whoever comes first: the distribution's own, and what upstream ships. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { App } from '../kernel/context.ts'
import type { Reader } from '../kernel/db.ts'
import { shippedUpstream } from '../upstream/imports.ts'

/** Names of the packages whose sources are in content/packages. */
export async function contentPackages(app: App): Promise<string[]> {
  const entries = await readdir(join(app.config.content_dir, 'packages'), {
    withFileTypes: true,
  }).catch(() => [])
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}

/** Those of these names that upstream or the distribution itself ships as source packages. */
export async function shippedNames(app: App, db: Reader, names: string[]): Promise<Set<string>> {
  const own = new Set(await contentPackages(app))
  const upstream = await shippedUpstream(db, names)
  return new Set(names.filter((name) => own.has(name) || upstream.has(name)))
}
