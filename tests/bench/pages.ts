/** The list of updates over a hundred thousand of them, as a page and as JSON. */
import { update } from '../../db/schema/updates.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { prepareRelease, RELEASE } from '../support/builds.ts'
import { type TestApp, testApp } from '../support/test-app.ts'
import { type Figure, percentile } from './report.ts'
import { startWeb } from './web.ts'

const UPDATES = 100_000
const ASKED = 200

async function fill(app: TestApp): Promise<void> {
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

/** p50 and p99 of one address, asked one after another once it is warm. */
async function ask(url: string): Promise<number[]> {
  const took_ms: number[] = []
  for (let n = 0; n < ASKED + 20; n++) {
    const started = performance.now()
    const answer = await fetch(url)
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
    await answer.arrayBuffer()
    if (n >= 20) took_ms.push(performance.now() - started)
  }
  return took_ms
}

export async function benchPages(): Promise<Figure[]> {
  const app = await testApp()
  await prepareRelease(app)
  await fill(app)
  const web = await startWeb(app)
  try {
    const figures: Figure[] = []
    for (const path of [
      '/updates',
      '/updates?status=testing',
      '/updates?type=security',
      '/api/updates',
    ]) {
      const took_ms = await ask(`${web.url}${path}`)
      const p50 = percentile(took_ms, 50)
      figures.push({
        name: `${path} over ${UPDATES} updates, p50 (p99 ${percentile(took_ms, 99).toFixed(1)} ms)`,
        value: `${p50.toFixed(1)} ms`,
        limit: '≤ 20 ms',
        holds: p50 <= 20,
      })
    }
    return figures
  } finally {
    await web.stop()
    await app.end()
  }
}
