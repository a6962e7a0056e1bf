/** Roles that were given before there were groups become memberships, with who gave them and when. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterEach, expect, it } from 'vitest'
import { root } from '../../src/kernel/paths.ts'

const folder = join(root, 'db/migrations/sqlite')
const database = new Sqlite(':memory:')
afterEach(() => database.close())

const migrate = (tag: string) => {
  for (const statement of readFileSync(join(folder, `${tag}.sql`), 'utf8').split(
    '--> statement-breakpoint',
  ))
    database.exec(statement)
}

it('keeps every role that a person had', () => {
  for (const tag of ['0000_init', '0001_releases', '0002_downloads', '0003_mirrors']) migrate(tag)
  const give = database.prepare('insert into person_role values (?, ?, ?, ?)')
  give.run(1, 'admin', 'anonymous', 1000)
  give.run(1, 'packager', 'anonymous', 1000)
  give.run(2, 'packager', 'person:wharf', 2000)
  migrate('0006_groups')
  const held = database
    .prepare(
      `select g.name, g.role, m.person_id, m.sponsored_by, m.since, m.sponsor_since, m.left_at
       from group_member m join people_group g on g.id = m.group_id order by m.since, g.name`,
    )
    .all()
  const live = { sponsor_since: null, left_at: null }
  expect(held).toEqual([
    {
      ...{ name: 'administrators', role: 'admin', person_id: 1, sponsored_by: 'anonymous' },
      ...{ since: 1000, ...live },
    },
    {
      ...{ name: 'packagers', role: 'packager', person_id: 1, sponsored_by: 'anonymous' },
      ...{ since: 1000, ...live },
    },
    {
      ...{ name: 'packagers', role: 'packager', person_id: 2, sponsored_by: 'person:wharf' },
      ...{ since: 2000, ...live },
    },
  ])
  const gone = database.prepare("select name from sqlite_master where name = 'person_role'").all()
  expect(gone).toEqual([])
})
