/** Composes and the images that they made. */
import { sql } from 'drizzle-orm'
import { id, index, int, json, table, text, time, unique } from '../columns.ts'

interface Note {
  code: string
  params: Record<string, string | number>
}

export const compose = table(
  'compose',
  {
    id: id(),
    release: text().notNull(),
    /** Date of its newest metadata and a number: 20261124.0. Null until its contents are chosen. */
    label: text(),
    state: text<'running' | 'done' | 'failed'>().notNull(),
    /** What comes next while it runs. */
    step: text().notNull(),
    /** first: there was no image; changed: stable is not what it was; asked: by a person. */
    why: text<'first' | 'changed' | 'asked'>().notNull(),
    task_id: int().notNull(),
    /** Generations of the stable repositories that it is made of. */
    generation_ids: json<number[]>().notNull(),
    /** Seconds since the epoch: the newest of these generations, the date of every file (SOURCE_DATE_EPOCH). */
    source_date_s: int().notNull().default(0),
    /** What it could not do, with the reason. */
    notes: json<Note[]>().notNull(),
    created_at: time().notNull(),
    ended_at: time(),
  },
  (t) => [
    index('compose_release').on(t.release, t.id),
    unique('compose_label').on(t.release, t.label),
  ],
)

export const image = table(
  'image',
  {
    id: id(),
    compose_id: int().notNull(),
    release: text().notNull(),
    arch: text().notNull(),
    /** Folder of the image and what belongs to it, under /pub. */
    path: text().notNull(),
    /** Folder of the same content as an installable tree, under /pub. */
    tree_path: text().notNull(),
    /** All that is said of it, as downloads.json beside it has it (src/downloads/facts.ts). */
    facts: json<unknown>().notNull(),
    /** Set when all images of the compose are in their places. */
    published_at: time(),
    /** Set when newer images took its place: it is offered no longer, and its files go after a grace. */
    withdrawn_at: time(),
    removed_at: time(),
  },
  (t) => [
    unique('image_compose').on(t.compose_id, t.arch),
    index('image_release').on(t.release, t.id),
    index('image_offered')
      .on(t.compose_id, t.id)
      .where(sql`published_at is not null and withdrawn_at is null`),
  ],
)
