/** Advisories: what went stable, with a number and an issued date that never change. */
import { id, index, int, json, table, text, time, unique } from '../columns.ts'

export const advisory = table(
  'advisory',
  {
    id: id(),
    /** KLSA-2026:0001 */
    number: text().notNull(),
    year: int().notNull(),
    sequence: int().notNull(),
    /** Alias of the update that it publishes. */
    update_alias: text().notNull(),
    release: text().notNull(),
    type: text<'security' | 'bugfix' | 'enhancement' | 'newpackage'>().notNull(),
    severity: text().notNull(),
    title: text().notNull(),
    summary: text().notNull(),
    description: text().notNull(),
    references:
      json<
        { type: 'cve' | 'bugzilla' | 'self' | 'other'; id: string; href: string; title: string }[]
      >().notNull(),
    build_ids: json<number[]>().notNull(),
    reboot_suggested: int().notNull().default(0),
    issued_at: time().notNull(),
    updated_at: time().notNull(),
  },
  (t) => [
    unique('advisory_number').on(t.number),
    unique('advisory_update').on(t.update_alias),
    unique('advisory_sequence').on(t.year, t.sequence),
    index('advisory_release').on(t.release, t.id),
  ],
)

/**
 * Numbers given to updates, before and after their advisories are issued. A number stays with its update: one
 * whose push was given up gets the same again; of one that never goes out it is never used.
 */
export const advisory_reservation = table(
  'advisory_reservation',
  {
    id: id(),
    update_alias: text().notNull(),
    year: int().notNull(),
    sequence: int().notNull(),
  },
  (t) => [
    unique('advisory_reservation_update').on(t.update_alias),
    unique('advisory_reservation_sequence').on(t.year, t.sequence),
  ],
)
