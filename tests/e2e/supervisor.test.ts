/** A supervisor that is killed takes its programs with it, so that the next start finds the port free. */
import { afterEach, expect, test } from 'vitest'
import { createPortal, type Portal, type ProgramName } from '../support/portal.ts'
import { until } from '../support/until.ts'

let portal: Portal
afterEach(() => portal.stop())

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('programs end with a supervisor that was killed, and the next start serves again', async () => {
  portal = await createPortal()
  await portal.start()
  const names: ProgramName[] = ['web', 'worker', 'builder']
  const pids = await until('all programs', () => {
    const found = names.map((name) => portal.pidOf(name))
    return found.every((pid) => pid !== undefined) && found
  })
  process.kill(portal.pid() ?? 0, 'SIGKILL')
  await until('the end of the programs', () => !pids.some((pid) => isAlive(pid ?? 0)), 20_000)
  await portal.start()
  expect((await fetch(`${portal.url}/healthz`)).status).toBe(200)
})
