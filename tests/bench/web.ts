/** The real web program on one core with a database of its own; the load comes from the other cores. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { api_token, person } from '../../db/schema/accounts.ts'
import { secretHash } from '../../src/accounts/link.ts'
import { root } from '../../src/kernel/paths.ts'
import { transaction } from '../../src/kernel/transaction.ts'
import type { TestApp } from '../support/test-app.ts'

export interface BenchWeb {
  url: string
  /** Processor time that the program has used so far: says more than a rate where others use the machine. */
  cpu_ms(): number
  stop(): Promise<void>
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Starts the built site over an app's data folder, pinned to a core. */
export async function startWeb(app: TestApp, core = 0): Promise<BenchWeb> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const pinned = spawnSync('taskset', ['-c', String(core), 'true']).status === 0
  const words = [...(pinned ? ['taskset', '-c', String(core)] : []), process.execPath]
  const [command = '', ...args] = [...words, join(root, 'src/serve.ts')]
  const web = spawn(command, args, {
    cwd: root,
    env: {
      ...process.env,
      ...{ HOST: '127.0.0.1', PORT: String(port), SLIPWAY_URL: url, SLIPWAY_ROOT: root },
      ...{ SLIPWAY_DATA: app.config.data_dir, LOG_LEVEL: 'warn' },
      ...(app.config.database_url !== undefined && { DATABASE_URL: app.config.database_url }),
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  for (let tries = 0; tries < 300; tries++) {
    const up = await fetch(`${url}/healthz`).then(
      (answer) => answer.ok,
      () => false,
    )
    if (up) return { url, cpu_ms: () => cpuOf(web), stop: () => end(web) }
    await sleep(50)
  }
  await end(web)
  throw new Error('the web did not start')
}

/** User and system time in clock ticks of 10 ms: fields 14 and 15 of proc_pid_stat(5). */
function cpuOf(web: ChildProcess): number {
  const [, fields = ''] = readFileSync(`/proc/${web.pid}/stat`, 'utf8').split(') ')
  const [user, system] = fields.split(' ').slice(11, 13).map(Number)
  return ((user ?? 0) + (system ?? 0)) * 10
}

function end(web: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    web.once('exit', () => resolve())
    web.kill('SIGKILL')
  })
}

/** People with a token each, made as rows: sign-up is not what is measured. @returns the tokens */
export async function makeVoters(app: TestApp, count: number): Promise<string[]> {
  const tokens: string[] = []
  const now = Date.now()
  await transaction({ app }, async (tx) => {
    for (let n = 0; n < count; n++) {
      const [row] = await tx
        .insert(person)
        .values({
          username: `voter${n}`,
          email: `voter${n}@bench.example`,
          email_key: `voter${n}@bench.example`,
          password_hash: '',
          created_at: now,
          verified_at: now,
        })
        .returning()
      const token = `slp_${randomBytes(32).toString('base64url')}`
      await tx.insert(api_token).values({
        person_id: row?.id ?? 0,
        name: 'bench',
        token_hash: secretHash(token),
        scopes: ['read', 'vote'],
        created_at: now,
      })
      tokens.push(token)
    }
  })
  return tokens
}

/** Runs `work` for 0..count-1 with so many at once. @returns how long all of it took */
export async function load(
  count: number,
  connections: number,
  work: (n: number) => Promise<void>,
): Promise<number> {
  let next = 0
  const started = performance.now()
  const line = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: connections }, line))
  return performance.now() - started
}
