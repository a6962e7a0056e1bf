/** Published repositories and the generations of their metadata. */
import { id, index, int, json, table, text, time, unique } from '../columns.ts'

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
    /** Packages in it: what must stay on disk while a client may still read this generation. */
    rpm_ids: json<number[]>().notNull(),
    push_id: int().notNull(),
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
