/**
 * The power fails while a new portal builds, pushes and composes what it begins with. Whatever was not flushed is
 * gone, names included (power.ts). No row may then promise a file that is not there, and the portal goes on to the
 * end. POWER_SEED repeats a run's moments as far as the machine's own timing allows; SLIPWAY_SOAK cuts more often.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { taskState } from '../../src/tasks/task.ts'
import { seeded } from '../faults/killer.ts'
import { Api, type Task } from '../support/api.ts'
import { createPortal, type Portal } from '../support/portal.ts'
import { until } from '../support/until.ts'
import { Power } from './power.ts'
import { type Promised, promisesOf } from './promises.ts'

const seed = Number(process.env.POWER_SEED ?? 20260105)
const CUTS = process.env.SLIPWAY_SOAK ? 18 : 6
/** Ended tasks from one cut to the next, at most; a moment's fraction decides within what follows. */
const STEPS = 4
const MOMENT_MS = 400
/** All that a new portal does takes a minute or two. */
const FINISH_MS = 240_000

interface Cut extends Promised {
  /** How many tasks had ended, and which had begun. */
  ended: number
  held: string[]
}

let portal: Portal
let power: Power
const cuts: Cut[] = []

function ask<T>(sql: string, ...values: unknown[]): T[] {
  const db = new Sqlite(join(portal.data, 'slipway.db'), { readonly: true })
  try {
    return db.prepare(sql).all(...values) as T[]
  } finally {
    db.close()
  }
}

const ended = () =>
  ask<{ n: number }>('select count(*) as n from task where state = ?', taskState.CLOSED)[0]?.n ?? 0

const held = () =>
  ask<{ method: string; note: string | null }>(
    `select method, json_extract(progress, '$.note') as note from task where state = ?`,
    taskState.OPEN,
  ).map(({ method, note }) => (note === null ? method : `${method} (${note})`))

/** Whether all that begins by itself is done: an image is offered. */
const isDone = () =>
  ask('select 1 from image where published_at is not null').length > 0 &&
  ask('select 1 from task where state in (?, ?)', taskState.FREE, taskState.OPEN).length === 0

/** Cuts the power when some more tasks have ended, and looks at what is left. */
async function cut(random: () => number): Promise<void> {
  const enough = ended() + Math.ceil(random() * STEPS)
  await until('tasks to end', () => ended() >= enough || isDone(), 120_000, 20)
  await sleep(random() * MOMENT_MS)
  const before = { ended: ended(), held: held() }
  await portal.end('SIGKILL')
  power.lose()
  cuts.push({ ...before, ...promisesOf(portal.data) })
}

beforeAll(async () => {
  portal = await createPortal({ env: { BUILDER_CAPACITY: '2' } })
  mkdirSync(portal.data)
  mkdirSync(join(portal.folder, 'power'))
  power = new Power(portal.data, join(portal.folder, 'power'))
  Object.assign(portal.env, power.env)
  const random = seeded(seed)
  for (let n = 0; n < CUTS; n++) {
    await portal.start()
    await cut(random)
  }
  await portal.start()
  await until('all that begins by itself to be done', isDone, FINISH_MS, 200).catch((error) => {
    const left = ask(
      'select id, method, label, state, attempts, reason, progress from task where state not in (2, 3)',
    )
    throw new Error(
      `${error.message}; left: ${JSON.stringify(left)}; cuts: ${JSON.stringify(cuts)}; said: ${portal.said().slice(-3000)}`,
    )
  })
}, 3_600_000)
afterAll(() => portal?.stop())

test('the power failed at many moments of builds and pushes', () => {
  process.stdout.write(
    `seed ${seed}; cuts:\n${cuts.map((each) => `${each.ended} ended, ${each.held.join(', ')}; ${JSON.stringify(each.seen)}`).join('\n')}\n`,
  )
  expect(cuts).toHaveLength(CUTS)
  expect(new Set(cuts.map((each) => each.ended)).size).toBeGreaterThan(2)
})

test('no row promised a file that was gone', () => {
  expect(cuts.flatMap((each) => each.broken)).toEqual([])
})

test('the portal went on by itself to the end, and everything is there', async () => {
  expect(await new Api(portal.url).all<Task>('/api/tasks?state=FAILED')).toEqual([])
  await portal.end()
  const { broken, seen } = promisesOf(portal.data)
  expect(broken).toEqual([])
  for (const kind of ['upload', 'package', 'repomd', 'published package', 'image'])
    expect(seen[kind], kind).toBeGreaterThan(0)
})
