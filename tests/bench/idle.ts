/**
 * What a portal costs that nobody uses: all four programs some minutes after their start, seeds built and pushed.
 * `IDLE_AFTER_S` (600) and `IDLE_FOR_S` (60) say when and for how long one looks.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Api } from '../support/api.ts'
import { startPortal } from '../support/portal.ts'
import { until } from '../support/until.ts'
import type { Figure } from './report.ts'

const AFTER_S = Number(process.env.IDLE_AFTER_S ?? 600)
const FOR_S = Number(process.env.IDLE_FOR_S ?? 60)
/** USER_HZ of Linux on every architecture that we build for. */
const TICKS_PER_S = 100

/** Processor time that a process has had, with that of children that it waited for; seconds (proc(5), stat). */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0)
  return ticks / TICKS_PER_S
}

/** Memory of a process, its part of what it shares; MiB. */
function pssOf(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]) / 1024
}

export async function benchIdle(): Promise<Figure[]> {
  const portal = await startPortal()
  try {
    const api = new Api(portal.url)
    await until(
      'the seeds are stable and nothing runs',
      async () => {
        const { items } = await api.get<{ items: { state: string }[] }>('/api/tasks?limit=100')
        return items.length > 5 && items.every(({ state }) => state === 'CLOSED')
      },
      300_000,
    )
    const pids: [string, number][] = [['supervisor', portal.pid() ?? 0]]
    for (const name of ['web', 'worker', 'builder'] as const)
      pids.push([name, portal.pidOf(name) ?? 0])
    await sleep(AFTER_S * 1000)
    const before = pids.map(([, pid]) => cpuOf(pid))
    const from = performance.now()
    await sleep(FOR_S * 1000)
    const passed_s = (performance.now() - from) / 1000
    const shares = pids.map(([, pid], at) => (100 * (cpuOf(pid) - (before[at] ?? 0))) / passed_s)
    const memory = pids.map(([, pid]) => pssOf(pid))
    const sum = (values: number[]) => values.reduce((total, each) => total + each, 0)
    return [
      ...pids.map(([name], at) => ({
        name,
        value: `${shares[at]?.toFixed(2)} %, ${memory[at]?.toFixed(0)} MiB`,
      })),
      limited('processor, of one core', sum(shares), 2, '%', 2),
      limited('worker, of one core', shares[2] ?? 0, 1, '%', 2),
      limited('memory, proportional', sum(memory) * 1.048576, 450, 'MB', 0),
    ]
  } finally {
    await portal.stop()
  }
}

function limited(name: string, value: number, most: number, unit: string, digits: number): Figure {
  const holds = value <= most
  return { name, value: `${value.toFixed(digits)} ${unit}`, limit: `≤ ${most} ${unit}`, holds }
}
