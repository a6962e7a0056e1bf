/** Collections of content/: the docs, which Starlight renders under /docs. */

import { defineCollection } from 'astro:content'
import { join } from 'node:path'
import { docsSchema } from '@astrojs/starlight/schema'
import { glob } from 'astro/loaders'
import { z } from 'astro/zod'
import { readConfig } from './kernel/config.ts'

export const collections = {
  docs: defineCollection({
    loader: glob({
      pattern: '**/*.{md,mdx}',
      base: join(readConfig().content_dir, 'docs'),
      generateId: ({ entry }) => `docs/${entry.replace(/\.mdx?$/, '')}`.replace(/\/index$/, ''),
    }),
    schema: docsSchema({
      extend: z.object({
        /** When somebody last read it through and found it true: YYYY-MM-DD. */
        reviewed: z.coerce.date().optional(),
        /** Versions of the distribution that it is for, where it is not for all. */
        releases: z.array(z.string()).default([]),
        /** Of decision records: when it was decided. */
        date: z.coerce.date().optional(),
      }),
    }),
  }),
}
