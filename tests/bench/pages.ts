/**
 * Lists over a hundred thousand updates and as many tasks, as pages and as JSON: asked by one client, then by many at
 * once, with a look at the web's health beside them.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { task } from '../../db/schema/tasks.ts'
import { update } from '../../db/schema/updates.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { taskState } from '../../src/tasks/task.ts'
import { prepareRelease, RELEASE } from '../support/builds.ts'
import { type TestApp, testApp } from '../support/test-app.ts'
import { type Figure, percentile } from './report.ts'
import { load, startWeb } from './web.ts'

const UPDATES = 100_000
const TASKS = 100_000
const ASKED = 200
const CONNECTIONS = 32
/** A queue of all of them takes the others' time each; so much more than that is another fault. */
const FAIR = 2
const HEALTH_MS = 50

const PATHS = [
  '/updates',
  '/updates?status=testing',
  '/updates?type=security',
  '/api/updates',
  '/tasks',
  '/tasks?state=FAILED',
  '/api/tasks',
  '/api/tasks?method=buildArch',
]

async function fillTasks(app: TestApp): Promise<void> {
  const { CLOSED, FAILED, CANCELED, FREE } = taskState
  const states = [CLOSED, CLOSED, CLOSED, CLOSED, FAILED, CANCELED, FREE] as const
  const methods = ['build', 'buildSRPM', 'buildArch', 'importBuild', 'push'] as const
  const now = Date.now()
  for (let made = 0; made < TASKS; made += 500)
    await transaction({ app }, (tx) =>
      tx.insert(task).values(
        Array.from({ length: 500 }, (_, at) => {
          const n = made + at
          const created_at = now - (TASKS - n) * 1000
          return {
            ...{ method: methods[n % 5] ?? 'build', label: `package${n % 3000}-1-1.kl10` },
            ...{ payload: {}, arch: 'x86_64', channel: 'bench', priority: 20, max_attempts: 5 },
            ...{ state: states[n % 7] ?? CLOSED, owner_id: 1 + (n % 40) },
            ...{ created_at, not_before: created_at, started_at: created_at },
          }
        }),
      ),
    )
}

async function fillUpdates(app: TestApp): Promise<void> {
  const statuses = ['stable', 'stable', 'stable', 'obsolete', 'testing', 'pending'] as const
  const types = ['bugfix', 'security', 'enhancement', 'newpackage'] as const
  const now = Date.now()
  for (let made = 0; made < UPDATES; made += 500)
    await transaction({ app }, (tx) =>
      tx.insert(update).values(
        Array.from({ length: 500 }, (_, at) => {
          const n = made + at
          return {
            alias: `KEEL-2026-${n.toString(16).padStart(10, '0')}`,
            release: RELEASE,
            title: `package${n % 3000}-${Math.floor(n / 3000)}-1.kl10`,
            notes: 'What changed, in a line or two that testers read.',
            type: types[n % 4] ?? 'bugfix',
            severity: 'unspecified' as const,
            status: statuses[n % 6] ?? 'stable',
            submitter_id: 1 + (n % 40),
            submitter: `packager${n % 40}`,
            stable_karma: 3,
            unstable_karma: -3,
            autokarma: true,
            autotime: true,
            require_bugs: false,
            require_testcases: false,
            critical: n % 50 === 0,
            created_at: now - (UPDATES - n) * 1000,
            modified_at: now - (UPDATES - n) * 1000,
          }
        }),
      ),
    )
}

/** One address, asked one after another once it is warm. @returns how long each answer took */
async function ask(url: string): Promise<number[]> {
  const took_ms: number[] = []
  for (let n = 0; n < ASKED + 20; n++) {
    const took = await timed(url)
    if (n >= 20) took_ms.push(took)
  }
  return took_ms
}

async function timed(url: string): Promise<number> {
  const started = performance.now()
  const answer = await fetch(url)
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
  await answer.arrayBuffer()
  return performance.now() - started
}

/** One address, asked by many at once. @returns how long each answer took, and each of the health beside them */
async function crowd(web: string, path: string) {
  const took_ms: number[] = []
  const health_ms: number[] = []
  let over = false
  const watch = (async () => {
    while (!over) {
      health_ms.push(await timed(`${web}/healthz`))
      await sleep(20)
    }
  })()
  await load(ASKED * 2, CONNECTIONS, async () => {
    took_ms.push(await timed(`${web}${path}`))
  })
  over = true
  await watch
  return { took_ms, health_ms }
}

export async function benchPages(): Promise<Figure[]> {
  const app = await testApp()
  await prepareRelease(app)
  await fillUpdates(app)
  await fillTasks(app)
  const web = await startWeb(app)
  try {
    const figures: Figure[] = []
    for (const path of PATHS) {
      const took_ms = await ask(`${web.url}${path}`)
      const p50 = percentile(took_ms, 50)
      figures.push({
        name: `${path} over ${UPDATES}, p50 (p99 ${percentile(took_ms, 99).toFixed(1)} ms)`,
        value: `${p50.toFixed(1)} ms`,
        limit: '≤ 20 ms',
        holds: p50 <= 20,
      })
      const many = await crowd(web.url, path)
      const p99 = percentile(many.took_ms, 99)
      const most = FAIR * CONNECTIONS * p50
      figures.push({
        name: `  by ${CONNECTIONS} at once, p99`,
        value: `${p99.toFixed(0)} ms`,
        limit: `≤ ${most.toFixed(0)} ms`,
        holds: p99 <= most,
      })
      const health = percentile(many.health_ms, 99)
      figures.push({
        name: `  /healthz beside them, p99 of ${many.health_ms.length}`,
        value: `${health.toFixed(0)} ms`,
        limit: `≤ ${HEALTH_MS} ms`,
        holds: health <= HEALTH_MS,
      })
    }
    return figures
  } finally {
    await web.stop()
    await app.end()
  }
}
