/** Where the checkout is, for content and migrations, from source and from the bundled site alike. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

function findRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'astro.config.mjs'))) return folder
    if (folder === dirname(folder)) return process.cwd()
  }
}

/** The folder that holds content/, db/ and src/. */
export const root = process.env.SLIPWAY_ROOT ?? findRoot(import.meta.dirname)
