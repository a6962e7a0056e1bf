/** Releases as they are now; what they are made of is content/distribution.yaml. */
import { id, table, text, time, unique } from '../columns.ts'

export const release = table(
  'release',
  {
    id: id(),
    name: text().notNull(),
    version: text().notNull(),
    state: text<'pending' | 'frozen' | 'current' | 'archived'>().notNull(),
    created_at: time().notNull(),
    state_since: time().notNull(),
  },
  (t) => [unique('release_name').on(t.name)],
)
