/** Who looks after source packages, who asks to, and which binary packages belong to which. */
import { sql } from 'drizzle-orm'
import { id, index, int, table, text, time, unique } from '../columns.ts'

/** A person or a group (one of the two is set); the row stays when that has ended. */
export const package_owner = table(
  'package_owner',
  {
    id: id(),
    package_id: int().notNull(),
    person_id: int(),
    /** All its members. */
    group_id: int(),
    /** Owners also let in others. */
    role: text<'owner' | 'maintainer'>().notNull(),
    since: time().notNull(),
    /** As the audit log writes it: person:ann, system:setup. */
    given_by: text().notNull(),
    ended_at: time(),
    ended_by: text(),
  },
  (t) => [
    unique('package_owner_person')
      .on(t.package_id, t.person_id)
      .where(sql`ended_at is null and person_id is not null`),
    unique('package_owner_group')
      .on(t.package_id, t.group_id)
      .where(sql`ended_at is null and group_id is not null`),
    index('package_owner_of_package').on(t.package_id),
    index('package_owner_of_person').on(t.person_id),
    index('package_owner_of_group').on(t.group_id),
  ],
)

/** Who asks to look after a package, and what became of it. */
export const package_request = table(
  'package_request',
  {
    id: id(),
    /** Of the package, which need not be there yet. */
    name: text().notNull(),
    person_id: int().notNull(),
    role: text<'owner' | 'maintainer'>().notNull(),
    reason: text().notNull(),
    asked_at: time().notNull(),
    state: text<'open' | 'accepted' | 'declined' | 'withdrawn'>().notNull(),
    decided_by: text(),
    decided_at: time(),
    decision_reason: text(),
  },
  (t) => [
    unique('package_request_open').on(t.name, t.person_id).where(sql`state = 'open'`),
    index('package_request_person').on(t.person_id),
    index('package_request_state').on(t.state, t.id),
  ],
)

/** Which source package a binary package's name belongs to; builds of others can't have it. */
export const package_binary = table(
  'package_binary',
  {
    id: id(),
    name: text().notNull(),
    package_id: int().notNull(),
    since: time().notNull(),
    /** As the audit log writes it. */
    given_by: text().notNull(),
    /** Source package that it is offered to, until its owner accepts. */
    offered_to: int(),
    offered_by: text(),
    offer_reason: text(),
  },
  (t) => [
    unique('package_binary_name').on(t.name),
    index('package_binary_package').on(t.package_id, t.name),
    index('package_binary_offered').on(t.offered_to, t.name),
  ],
)
