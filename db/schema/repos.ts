/** Published repositories and the generations of their metadata. */
import { sql } from 'drizzle-orm'
import { bool, id, index, int, json, table, text, time, unique } from '../columns.ts'

export const repository = table(
  'repository',
  {
    id: id(),
    /** As clients ask for it: baseos-10, appstream-testing-10, baseos-source-10. */
    name: text().notNull(),
    arch: text().notNull(),
    /** Under /pub, without slashes at its ends. */
    path: text().notNull(),
    release: text().notNull(),
    stage: text<'testing' | 'stable'>().notNull(),
    /** Generation that clients see; 0 before the first. */
    generation_id: int().notNull().default(0),
    /** Digest of the data that placed its packages; where it is another now, all are looked at again. */
    placement: text().notNull().default(''),
  },
  (t) => [unique('repository_name').on(t.name, t.arch), unique('repository_path').on(t.path)],
)

export const generation = table(
  'generation',
  {
    id: id(),
    repository_id: int().notNull(),
    /** Seconds since the epoch: the newest timestamp in repomd.xml, as metalinks say it. */
    timestamp_s: int().notNull(),
    size_bytes: int().notNull(),
    hashes: json<{ md5: string; sha1: string; sha256: string; sha512: string }>().notNull(),
    /** Files of its repodata, by name, repomd.xml not among them. */
    files: json<string[]>().notNull(),
    /** How many packages are in it; which ones says repository_rpm. */
    packages: int().notNull().default(0),
    push_id: int().notNull(),
    /** Attempt of the push that made it: name of the folder where it was prepared. */
    attempt: text().notNull().default(''),
    created_at: time().notNull(),
    /** Set when clients were switched to it. */
    published_at: time(),
  },
  (t) => [
    index('generation_repository').on(t.repository_id, t.id),
    // A push makes one generation of a repository, however often its step runs.
    unique('generation_push').on(t.push_id, t.repository_id),
  ],
)

/**
 * Which generations of a repository hold a package: those from `from_generation` up to, not including,
 * `to_generation` (null while it is in the current one). A row goes when its file has left the tree.
 */
export const repository_rpm = table(
  'repository_rpm',
  {
    id: id(),
    repository_id: int().notNull(),
    rpm_id: int().notNull(),
    from_generation: int().notNull(),
    to_generation: int(),
    /** Set while its file is being taken out of the tree: nobody may bring it back before that is done. */
    leaving: bool().notNull().default(false),
  },
  (t) => [
    unique('repository_rpm_live').on(t.repository_id, t.rpm_id).where(sql`to_generation is null`),
    index('repository_rpm_left').on(t.repository_id, t.to_generation, t.id),
    index('repository_rpm_rpm').on(t.rpm_id),
  ],
)

/** How the generation that a push makes will differ from the current one. Gone when the push has ended. */
export const push_content = table(
  'push_content',
  {
    id: id(),
    push_id: int().notNull(),
    repository_id: int().notNull(),
    rpm_id: int().notNull(),
    action: text<'add' | 'remove'>().notNull(),
  },
  (t) => [
    unique('push_content_one').on(t.push_id, t.repository_id, t.rpm_id),
    index('push_content_rpm').on(t.repository_id, t.rpm_id),
  ],
)
