/** What the upstream vendor ships in the release that one of ours rebuilds. */
import { id, index, int, json, table, text, time, unique } from '../columns.ts'

/** A source package of upstream's, in its newest version. */
export const upstream_package = table(
  'upstream_package',
  {
    id: id(),
    /** Our release that rebuilds it. */
    release: text().notNull(),
    /** Id of our repository that it belongs into. */
    repository: text().notNull(),
    name: text().notNull(),
    epoch: int().notNull(),
    version: text().notNull(),
    rpm_release: text().notNull(),
    /** Names of the packages that it is built with, by name. */
    requires: json<string[]>().notNull().default([]),
    first_seen_at: time().notNull(),
    /** When its version last became another. */
    changed_at: time().notNull(),
  },
  (t) => [
    unique('upstream_package_name').on(t.release, t.repository, t.name),
    index('upstream_package_any').on(t.name),
  ],
)

/** Each time that upstream's list was read, and what was new in it. */
export const upstream_import = table(
  'upstream_import',
  {
    id: id(),
    release: text().notNull(),
    repository: text().notNull(),
    /** Address or folder that was read. */
    source: text().notNull(),
    /** SHA-256 of the repomd.xml that was read. */
    repomd_sha256: text().notNull(),
    packages: int().notNull(),
    added: int().notNull(),
    changed: int().notNull(),
    removed: int().notNull(),
    actor: text().notNull(),
    at: time().notNull(),
  },
  (t) => [index('upstream_import_release').on(t.release, t.id)],
)
