/** Drains a long queue of tasks that do nothing: what the queue itself costs, and whether that grows. */

import { z } from 'zod'
import { systemCtx } from '../../src/kernel/context.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import { closed, type TaskHandler } from '../../src/tasks/handler.ts'
import { claimTask } from '../../src/tasks/leases.ts'
import { runTask } from '../../src/tasks/runner.ts'
import { createTask } from '../../src/tasks/tasks.ts'
import { testApp } from '../support/test-app.ts'
import { type Figure, median } from './report.ts'

const TASKS = 20_000
const CLAIMERS = 4

const noop: TaskHandler = { method: 'noop', payload: z.unknown(), run: async () => closed() }

export async function benchTasks(): Promise<Figure[]> {
  const app = await testApp()
  try {
    const ctx = systemCtx(app, 'bench')
    for (let made = 0; made < TASKS; made += 1000)
      await transaction(ctx, async (tx) => {
        for (let n = 0; n < 1000; n++)
          await createTask(tx, ctx, { method: 'noop', label: 'bench', payload: {} })
      })
    const ends_ms: number[] = []
    const started = performance.now()
    const claim = async (name: string) => {
      const claimer = { name, channels: ['worker'], arches: ['noarch'] }
      for (let misses = 0; misses < 100; ) {
        const task = await claimTask(app, claimer)
        if (!task) {
          misses++
          continue
        }
        misses = 0
        await runTask(app, new Map([['noop', noop]]), task)
        ends_ms.push(performance.now() - started)
      }
    }
    await Promise.all(Array.from({ length: CLAIMERS }, (_, n) => claim(`worker:${n}`)))
    if (ends_ms.length !== TASKS) throw new Error(`${ends_ms.length} of ${TASKS} tasks ended`)
    return figures(ends_ms)
  } finally {
    await app.end()
  }
}

function figures(ends_ms: number[]): Figure[] {
  const spans = Array.from(
    { length: TASKS / 1000 },
    (_, n) => (ends_ms[n * 1000 + 999] ?? 0) - (ends_ms[n * 1000 - 1] ?? 0),
  )
  const first = spans[0] ?? 0
  const last = spans.at(-1) ?? 0
  const total_s = (ends_ms.at(-1) ?? 0) / 1000
  return [
    {
      name: `${TASKS} no-op tasks, ${CLAIMERS} claimers`,
      value: `${Math.round(TASKS / total_s)} tasks/s`,
    },
    { name: 'median thousand', value: `${Math.round(median(spans))} ms` },
    {
      name: 'last thousand over first thousand',
      value: `${(last / first).toFixed(2)} ×`,
      limit: '≤ 1.5 ×',
      holds: last <= 1.5 * first,
    },
  ]
}
