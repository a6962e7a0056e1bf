/** How the database would answer a statement: from an index and in its order, or by reading a table whole. */
import Sqlite from 'better-sqlite3'
import pg from 'pg'
import { dialect } from '../../db/columns.ts'

/** Tables that grow with the life of a distribution. All others are bounded by what people set up. */
const GROWING = new Set([
  ...['task', 'upload', 'build', 'rpm', 'package', 'tag_change', 'tag_build', 'event', 'mail'],
  ...['update_', 'update_build', 'update_bug', 'update_testcase', 'update_cve', 'vote', 'comment'],
  ...['vote_history', 'gate_result', 'build_override', 'push', 'push_change', 'push_update'],
  ...['push_content', 'generation', 'repository_rpm', 'advisory', 'advisory_reservation', 'link'],
  ...['audit_entry', 'compose', 'image', 'mirror_check', 'mirror_arrival', 'mirror_answer'],
  ...['package_owner', 'package_request', 'package_binary', 'upstream_package', 'upstream_import'],
  ...['person', 'session', 'api_token', 'group_request', 'blocker', 'blocker_vote'],
])

/** Asks a database how it would answer. */
export interface Planner {
  /** What is wrong with the way; empty when nothing is. */
  faults(statement: string, params: unknown[]): Promise<string[]>
  end(): Promise<void>
}

/** Lists without any condition are read from their end; that is no scan, since they stop at their limit. */
const readsFromItsEnd = (statement: string) =>
  / limit /i.test(statement) && !/ where /i.test(statement) && !/ group by /i.test(statement)

/** Rows that belong to one package, update or push are few, and may be sorted. */
const OF_ONE_THING = /\(\W*(\w+_id|package|name|offered_to)\W* ?=/

/** A condition of more than the cursor: then a range of numbers alone is a scan in disguise. */
function hasOtherConditions(statement: string): boolean {
  const where = / where (.*?)(?: group by | order by | limit |$)/i.exec(statement)?.[1] ?? ''
  return where.split(/ and /i).some((each) => !/"id" [<>]=? [?$]/.test(each))
}

/** Indexes that hold only what waits, or what is offered now; they may be read to their end. */
const OF_A_FEW = new Set(['mail_waiting', 'image_offered', 'package_request_open'])

function sqliteFaults(statement: string, details: string[]): string[] {
  const driving = details.find((each) => /^(SCAN|SEARCH) /.test(each)) ?? ''
  return details.filter((each) => {
    const table = /^(?:SCAN|SEARCH) (\w+)/.exec(each)?.[1] ?? ''
    if (each.startsWith('SCAN'))
      return (
        GROWING.has(table) &&
        !readsFromItsEnd(statement) &&
        !OF_A_FEW.has(/USING (?:COVERING )?INDEX (\w+)/.exec(each)?.[1] ?? '')
      )
    if (each.startsWith('USE TEMP B-TREE'))
      return GROWING.has(driving.split(' ')[1] ?? '') && !OF_ONE_THING.test(driving)
    return GROWING.has(table) && /\(rowid[<>]\?\)$/.test(each) && hasOtherConditions(statement)
  })
}

interface PostgresPlan {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Index Cond'?: string
  Filter?: string
  Plans?: PostgresPlan[]
}

function postgresFaults(statement: string, plan: PostgresPlan): string[] {
  const kind = plan['Node Type']
  const below = plan.Plans ?? []
  const faults = below.flatMap((each) => postgresFaults(statement, each))
  const table = plan['Relation Name'] ?? ''
  const scan = kind === 'Seq Scan' || (/Index.* Scan/.test(kind) && !plan['Index Cond'])
  const some = OF_A_FEW.has(plan['Index Name'] ?? '')
  if (GROWING.has(table) && scan && !some && !readsFromItsEnd(statement))
    faults.push(`${kind} on ${table}${plan.Filter ? ` with ${plan.Filter}` : ''}`)
  if (/Sort/.test(kind) && readsGrowing(plan)) faults.push(kind)
  return faults
}

/** The first table of a join decides how many rows come. */
function readsGrowing(plan: PostgresPlan): boolean {
  const [first] = plan.Plans ?? []
  if (first) return readsGrowing(first)
  return GROWING.has(plan['Relation Name'] ?? '') && !OF_ONE_THING.test(plan['Index Cond'] ?? '')
}

/** @param file the SQLite database, @param url of the PostgreSQL one where tests run on that */
export async function openPlanner(file: string, url: string | undefined): Promise<Planner> {
  if (dialect === 'sqlite') {
    const connection = new Sqlite(file, { readonly: true })
    return {
      faults: async (statement, params) => {
        const plan = connection.prepare(`explain query plan ${statement}`)
        const rows = plan.all(
          ...params.map((each) => (each === true ? 1 : each === false ? 0 : each)),
        )
        return sqliteFaults(
          statement,
          rows.map((row) => (row as { detail: string }).detail),
        )
      },
      end: async () => {
        connection.close()
      },
    }
  }
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  // Small tables would be read whole whatever indexes there are.
  for (const each of ['seqscan', 'sort', 'bitmapscan'])
    await client.query(`set enable_${each} = off`)
  return {
    faults: async (statement, params) => {
      const { rows } = await client.query(`explain (format json) ${statement}`, params)
      return postgresFaults(statement, rows[0]['QUERY PLAN'][0].Plan)
    },
    end: () => client.end(),
  }
}
