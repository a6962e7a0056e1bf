/** Updates, feedback, overrides and pushes. */
import { sql } from 'drizzle-orm'
import { bool, id, index, int, json, table, text, time, unique } from '../columns.ts'

export const update = table(
  'update_',
  {
    id: id(),
    alias: text().notNull(),
    release: text().notNull(),
    title: text().notNull(),
    notes: text().notNull(),
    type: text<'security' | 'bugfix' | 'enhancement' | 'newpackage'>().notNull(),
    severity: text<'unspecified' | 'low' | 'medium' | 'high' | 'urgent'>().notNull(),
    status: text<'pending' | 'testing' | 'stable' | 'obsolete' | 'unpushed'>().notNull(),
    request: text<'testing' | 'stable'>(),
    submitter_id: int().notNull(),
    submitter: text().notNull(),
    /** Grows when the builds change; votes of earlier revisions do not count. */
    revision: int().notNull().default(1),
    stable_karma: int().notNull(),
    unstable_karma: int().notNull(),
    autokarma: bool().notNull(),
    autotime: bool().notNull(),
    /** Set when a vote of −1 stopped autopush, once. */
    autopush_stopped_at: time(),
    /** From when on it is worth to ask whether it goes to stable by itself; null until something changes. */
    ask_at: time(),
    require_bugs: bool().notNull(),
    require_testcases: bool().notNull(),
    critical: bool().notNull(),
    /** What it brings takes effect after a reboot only; dnf tells people so. */
    reboot_suggested: bool().notNull().default(false),
    /** Since when it waits for a sponsor, as a newcomer's first ones may; null when it does not. */
    held_at: time(),
    /** Push that has it in hand. */
    push_id: int(),
    /** Reasons of the last push that sent it back. */
    ejected: json<{ code: string; params: Record<string, string | number> }[]>(),
    obsoleted_by: text(),
    /** Why it may go to stable during a freeze. */
    freeze_exception: text(),
    upstream_advisory: text(),
    created_at: time().notNull(),
    modified_at: time().notNull(),
    /** When this revision reached testing. */
    testing_at: time(),
    stable_at: time(),
  },
  (t) => [
    unique('update_alias').on(t.alias),
    index('update_status').on(t.status, t.id),
    index('update_request').on(t.request, t.push_id),
    index('update_release').on(t.release, t.status, t.id),
    index('update_of_release').on(t.release, t.id),
    index('update_type').on(t.type, t.id),
    index('update_ask').on(t.ask_at).where(sql`ask_at is not null`),
    index('update_submitter').on(t.submitter_id, t.id),
  ],
)

export const update_build = table(
  'update_build',
  {
    id: id(),
    update_id: int().notNull(),
    build_id: int().notNull(),
    nvr: text().notNull(),
    package: text().notNull(),
    /** The build while the update is pending, in testing or stable: a build is in one such update. */
    live_build_id: int(),
  },
  (t) => [
    unique('update_build_pair').on(t.update_id, t.build_id),
    unique('update_build_live').on(t.live_build_id),
    index('update_build_build').on(t.build_id),
    index('update_build_package').on(t.package),
  ],
)

export const update_bug = table(
  'update_bug',
  {
    id: id(),
    update_id: int().notNull(),
    /** Address of the bug; its number where the tracker has one. */
    url: text().notNull(),
    number: text().notNull(),
    title: text().notNull(),
    required: bool().notNull(),
  },
  (t) => [unique('update_bug_url').on(t.update_id, t.url)],
)

export const update_testcase = table(
  'update_testcase',
  {
    id: id(),
    update_id: int().notNull(),
    name: text().notNull(),
    required: bool().notNull(),
  },
  (t) => [unique('update_testcase_name').on(t.update_id, t.name)],
)

export const update_cve = table(
  'update_cve',
  { id: id(), update_id: int().notNull(), cve: text().notNull() },
  (t) => [unique('update_cve_pair').on(t.update_id, t.cve), index('update_cve_cve').on(t.cve)],
)

/** One live vote a person a revision; changes keep what was before in vote_history. */
export const vote = table(
  'vote',
  {
    id: id(),
    update_id: int().notNull(),
    revision: int().notNull(),
    /** `update`, `bug:<id>` or `testcase:<id>`. */
    subject: text().notNull(),
    person_id: int().notNull(),
    username: text().notNull(),
    karma: int().notNull(),
    at: time().notNull(),
    withdrawn_at: time(),
  },
  (t) => [
    unique('vote_one').on(t.update_id, t.revision, t.subject, t.person_id),
    index('vote_person').on(t.person_id, t.at),
  ],
)

export const vote_history = table(
  'vote_history',
  {
    id: id(),
    vote_id: int().notNull(),
    karma: int(),
    at: time().notNull(),
  },
  (t) => [index('vote_history_vote').on(t.vote_id)],
)

export const comment = table(
  'comment',
  {
    id: id(),
    update_id: int().notNull(),
    revision: int().notNull(),
    person_id: int(),
    author: text().notNull(),
    text: text().notNull(),
    /** Of the vote that came with it, for the reader; counting is by `vote`. */
    karma: int(),
    at: time().notNull(),
    edited_at: time(),
    /** Set when a moderator hid it; its text is shown to moderators only. */
    hidden_at: time(),
    hidden_by: text(),
    hidden_reason: text(),
  },
  (t) => [index('comment_update').on(t.update_id, t.id)],
)

/** Results of automatic tests of an update's revision, and waivers of them. */
export const gate_result = table(
  'gate_result',
  {
    id: id(),
    update_id: int().notNull(),
    revision: int().notNull(),
    check: text().notNull(),
    passed: bool().notNull(),
    required: bool().notNull(),
    message: text().notNull(),
    at: time().notNull(),
    waived_by: text(),
    waived_reason: text(),
  },
  (t) => [unique('gate_result_check').on(t.update_id, t.revision, t.check)],
)

export const build_override = table(
  'build_override',
  {
    id: id(),
    build_id: int().notNull(),
    nvr: text().notNull(),
    release: text().notNull(),
    notes: text().notNull(),
    person_id: int(),
    author: text().notNull(),
    created_at: time().notNull(),
    expires_at: time().notNull(),
    expired_at: time(),
  },
  (t) => [unique('build_override_build').on(t.build_id)],
)

export const push = table(
  'push',
  {
    id: id(),
    release: text().notNull(),
    state: text<'running' | 'done' | 'failed'>().notNull(),
    /** The step that comes next. */
    step: text().notNull(),
    task_id: int().notNull(),
    /** Self-check, skipped parts and others, for people. */
    notes: json<{ code: string; params: Record<string, string | number> }[]>().notNull(),
    created_at: time().notNull(),
    /** When what it will publish was last settled; advisories are dated so. */
    planned_at: time(),
    /** The commit point: before it an end undoes all, after it an end only completes. */
    published_at: time(),
    ended_at: time(),
  },
  (t) => [
    index('push_release').on(t.release, t.id),
    // One push of a release at a time, whoever asks.
    unique('push_running').on(t.release).where(sql`state = 'running'`),
  ],
)

/** What a push will change in tags, and changes made by others that it publishes. Gone when it has ended. */
export const push_change = table(
  'push_change',
  {
    id: id(),
    push_id: int().notNull(),
    tag: text().notNull(),
    build_id: int().notNull(),
    action: text<'add' | 'remove'>().notNull(),
    /** Change that was made already, by an unpush or a new revision; null for what the push itself will do. */
    tag_change_id: int(),
  },
  (t) => [index('push_change_push').on(t.push_id, t.id)],
)

export const push_update = table(
  'push_update',
  {
    id: id(),
    push_id: int().notNull(),
    update_id: int().notNull(),
    request: text<'testing' | 'stable'>().notNull(),
    ejected: json<{ code: string; params: Record<string, string | number> }[]>(),
  },
  (t) => [
    unique('push_update_pair').on(t.push_id, t.update_id),
    index('push_update_update').on(t.update_id),
  ],
)
