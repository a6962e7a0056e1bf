/** Packages, builds and what came out of them, tags and targets. */
import { sql } from 'drizzle-orm'
import { bool, id, index, int, json, table, text, time, unique } from '../columns.ts'

/** What a source package is built from when nobody says otherwise. */
type PackageSource = { kind: 'content' } | { kind: 'git'; url: string; ref: string }

export const pkg = table(
  'package',
  {
    id: id(),
    name: text().notNull(),
    summary: text().notNull().default(''),
    source: json<PackageSource>(),
    created_at: time().notNull(),
  },
  (t) => [unique('package_name').on(t.name)],
)

export const build = table(
  'build',
  {
    id: id(),
    package_id: int().notNull(),
    name: text().notNull(),
    /** 0 where the spec has none, as rpm compares it. */
    epoch: int().notNull(),
    version: text().notNull(),
    release: text().notNull(),
    nvr: text().notNull(),
    /** Koji's numbers: see src/builds/build.ts. */
    state: int().notNull(),
    task_id: int().notNull(),
    target: text().notNull(),
    /** Where the source came from, in words that a person can follow. */
    source: text().notNull(),
    owner_id: int(),
    /** A seed of a release that was still pending: goes to stable without an update. */
    bootstrap: bool().notNull().default(false),
    summary: text().notNull().default(''),
    description: text().notNull().default(''),
    reason: json<{ code: string; params: Record<string, string | number> }>(),
    created_at: time().notNull(),
    completed_at: time(),
  },
  (t) => [
    unique('build_nvr').on(t.nvr),
    index('build_package').on(t.package_id, t.id),
    index('build_state').on(t.state, t.id),
    index('build_name').on(t.name, t.id),
    index('build_owner').on(t.owner_id, t.id),
    index('build_target').on(t.target, t.id),
    index('build_task').on(t.task_id),
  ],
)

export const rpm = table(
  'rpm',
  {
    id: id(),
    build_id: int().notNull(),
    filename: text().notNull(),
    name: text().notNull(),
    epoch: int().notNull(),
    version: text().notNull(),
    release: text().notNull(),
    /** `src` for the source package. */
    arch: text().notNull(),
    /** As signed and stored. */
    sha256: text().notNull(),
    size_bytes: int().notNull(),
    /** As the builder sent it. */
    unsigned_sha256: text().notNull(),
    /** Why no repository can hold it, as a push found; such a file is left out. */
    unreadable: text<'damaged' | 'dropped'>(),
    created_at: time().notNull(),
  },
  (t) => [unique('rpm_filename').on(t.filename), index('rpm_build').on(t.build_id)],
)

export const tag = table(
  'tag',
  { id: id(), name: text().notNull(), release: text().notNull() },
  (t) => [unique('tag_name').on(t.name)],
)

/** A tag sees its parents' builds too, smaller priority first. */
export const tag_inheritance = table(
  'tag_inheritance',
  { id: id(), tag_id: int().notNull(), parent_id: int().notNull(), priority: int().notNull() },
  (t) => [unique('tag_inheritance_pair').on(t.tag_id, t.parent_id)],
)

/** Every change of a tag, numbered: "the tag as of change N" is what was added by N and not removed. */
export const tag_change = table(
  'tag_change',
  {
    id: id(),
    tag_id: int().notNull(),
    build_id: int().notNull(),
    action: text<'add' | 'remove'>().notNull(),
    actor: text().notNull(),
    at: time().notNull(),
    /** Push that published it; null while no push has. 0: by a push before this was noted. */
    push_id: int(),
  },
  (t) => [
    index('tag_change_tag').on(t.tag_id, t.id),
    index('tag_change_build').on(t.build_id, t.tag_id),
    index('tag_change_unpublished').on(t.tag_id).where(sql`push_id is null`),
  ],
)

export const tag_build = table(
  'tag_build',
  {
    id: id(),
    tag_id: int().notNull(),
    build_id: int().notNull(),
    package_id: int().notNull(),
    added_by_change: int().notNull(),
    removed_by_change: int(),
  },
  (t) => [
    unique('tag_build_live').on(t.tag_id, t.build_id).where(sql`removed_by_change is null`),
    index('tag_build_build').on(t.build_id),
    index('tag_build_package').on(t.tag_id, t.package_id),
    index('tag_build_of_package').on(t.package_id).where(sql`removed_by_change is null`),
  ],
)

export const target = table(
  'target',
  {
    id: id(),
    name: text().notNull(),
    release: text().notNull(),
    build_tag: text().notNull(),
    destination_tag: text().notNull(),
  },
  (t) => [unique('target_name').on(t.name)],
)
