/**
 * The program behind `slipway up`: a process of the command line makes everything ready and ends, with all that it
 * had to load for that; this one stays and supervises.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root } from './kernel/paths.ts'
import { type Plan, supervise } from './supervisor.ts'

/** @returns undefined when there is nothing to run: it failed, or only help was asked for */
function prepare(words: string[]): Promise<Plan | undefined> {
  const child = spawn(process.execPath, [join(root, 'src/cli.ts'), 'up', ...words], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  const stop = () => child.kill('SIGTERM')
  process.once('SIGTERM', stop).once('SIGINT', stop)
  return new Promise((resolve) => {
    let plan: Plan | undefined
    child.on('message', (message) => {
      plan = message as Plan
    })
    child.once('error', () => resolve(undefined))
    child.once('exit', (code) => {
      process.off('SIGTERM', stop).off('SIGINT', stop)
      process.exitCode = code ?? 1
      resolve(code === 0 ? plan : undefined)
    })
  })
}

const plan = await prepare(process.argv.slice(2))
if (plan) await supervise(plan)
