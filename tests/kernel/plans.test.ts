/**
 * Every list that the API gives, with every filter and each two of them, is answered from an index in its order: no
 * table that grows is read whole or sorted. Routes and filters come from the API's own description.
 */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Database, openDatabase } from '../../src/kernel/db.ts'
import { encodeCursor } from '../../src/kernel/http.ts'
import { createPortal } from '../../src/portal.ts'
import { makeBuild, prepareRelease } from '../support/builds.ts'
import { openPlanner, type Planner } from '../support/plans.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
let watched: Database
let planner: Planner
/** Statements with their parameters. */
const said = new Map<string, unknown[]>()

beforeAll(async () => {
  app = await testApp()
  await prepareRelease(app)
  await makeBuild(app, 'hello-1-1.kl10')
  const file = join(app.config.data_dir, 'slipway.db')
  watched = openDatabase(file, app.config.database_url, {
    ...{ readers: 2, writers: 2 },
    logger: { logQuery: (statement, params) => said.set(statement, params) },
  })
  planner = await openPlanner(file, app.config.database_url)
})
afterAll(async () => {
  await planner.end()
  await watched.close()
  await app.end()
})

/** What may read more than an index range, and why that is right. */
const ALLOWED: [RegExp, string][] = [
  [/"generation"\."published_at" is not null group by/, 'from the newest push on, up to the limit'],
  [/from "mirror_answer" .* group by/, 'sums over the days that are shown'],
  [/"package"\."name" like/, 'a part of a name is in no index; the names of packages are few'],
]

interface Parameter {
  name: string
  in: string
  schema?: { type?: string; enum?: string[] }
}

function exampleOf({ name, schema }: Parameter): [string, string] {
  if (name === 'cursor') return [name, encodeCursor(1000)]
  return [name, schema?.enum?.[0] ?? (schema?.type === 'integer' ? '1' : 'hello')]
}

/** Nothing, each filter, and each two of them. */
function* choices(parameters: Parameter[]): Generator<[string, string][]> {
  const examples = parameters.filter((each) => each.in === 'query').map(exampleOf)
  yield []
  for (const [at, one] of examples.entries()) {
    yield [one]
    for (const other of examples.slice(at + 1)) yield [one, other]
  }
}

describe('lists', () => {
  it('are read from an index in its order, with every filter', async () => {
    const portal = createPortal({ ...app, database: watched, db: watched.reader })
    const answer = await portal.request('/api/openapi.json')
    const { paths } = (await answer.json()) as {
      paths: Record<string, { get?: { parameters?: Parameter[] } }>
    }
    const asked: string[] = []
    for (const [path, { get }] of Object.entries(paths)) {
      if (!get) continue
      for (const query of choices(get.parameters ?? [])) {
        const address = `${path.replace(/\{\w+\}/g, 'hello')}?${new URLSearchParams(query)}`
        const found = await portal.request(address)
        expect(found.status, address).toBeLessThan(500)
        // Streams have no end of their own.
        await found.body?.cancel()
        asked.push(address)
      }
    }
    expect(asked.length).toBeGreaterThan(100)
    expect(await faultsOf()).toEqual([])
  })
})

async function faultsOf(): Promise<string[]> {
  const found: string[] = []
  const used = new Set<RegExp>()
  for (const [statement, params] of said) {
    if (!/^\s*(select|with)/i.test(statement)) continue
    const faults = await planner.faults(statement, params)
    if (faults.length === 0) continue
    const [allowed] = ALLOWED.find(([pattern]) => pattern.test(statement)) ?? []
    if (allowed) used.add(allowed)
    else found.push(`${statement.slice(statement.search(/ from /))}\n  ${faults.join('\n  ')}`)
  }
  // What is allowed and never comes is allowed no more.
  expect(ALLOWED.filter(([pattern]) => !used.has(pattern))).toEqual([])
  return found
}
