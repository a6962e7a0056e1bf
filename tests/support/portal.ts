/**
 * A real portal for a test: `slipway up` with web, worker and builder on a free port, with a data folder
 * and a content folder of its own. Whatever happens to the test, `stop` ends every process and removes
 * every file.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { removeFolder } from '../../src/builder/scratch.ts'
import { until } from './until.ts'

export const root = join(import.meta.dirname, '../..')
export const node = join(root, 'node_modules/.bin/node')

export type ProgramName = 'web' | 'worker' | 'builder'

const scripts: Record<ProgramName, string> = {
  web: 'src/serve.ts',
  worker: 'src/worker.ts',
  builder: 'src/builder/main.ts',
}

export interface PortalOptions {
  /** Changes distribution.yaml: pairs of what stands there and what shall. */
  distribution?: [string, string][]
  /** The content folder that it gets a copy of; the checkout's unless told. */
  content?: string
  env?: Record<string, string>
}

/** No waiting but what a test asks for: votes decide at once, and pushes follow one another. */
const quick: [string, string][] = [
  ['testing_hours_minimum: 24', 'testing_hours_minimum: 0'],
  ['stable_karma: 3', 'stable_karma: 2'],
  ['every_minutes: 1', 'every_minutes: 0.02'],
]

export interface Portal {
  url: string
  /** Its folder; `data` and `content` are in it. */
  folder: string
  data: string
  content: string
  env: Record<string, string | undefined>
  /** Everything that its programs printed. */
  said(): string
  /** The one-time link that it printed. */
  firstAdminLink(): Promise<string>
  /** Process id of the supervisor itself. */
  pid(): number | undefined
  /** Process id of a program that runs now, or undefined between its end and its start. */
  pidOf(program: ProgramName): number | undefined
  start(): Promise<void>
  /** Ends all programs; `start` may follow. @returns exit status, null when a signal ended it */
  end(signal?: NodeJS.Signals): Promise<number | null>
  /** Ends all and removes the folder. */
  stop(): Promise<void>
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

function makeContent(folder: string, from: string, changes: [string, string][]): string {
  const content = join(folder, 'content')
  cpSync(from, content, { recursive: true })
  const file = join(content, 'distribution.yaml')
  let text = readFileSync(file, 'utf8')
  for (const [what, by] of changes) {
    if (!text.includes(what)) throw new Error(`${file} has no ${what}`)
    text = text.replace(what, by)
  }
  writeFileSync(file, text)
  return content
}

/** Children of a process, as Linux lists them (proc(5)). */
function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')
        .split(' ')
        .filter(Boolean)
        .map(Number),
    )
  } catch {
    return []
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** The process and all below it. */
function treeOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(treeOf)]
}

/** One that ended since it was listed needs no signal: programs end with their supervisor. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const isAlive = (pid: number) => commandOf(pid) !== ''

function environment(folder: string, port: number, env: Record<string, string>) {
  const given: Record<string, string | undefined> = { ...process.env, ...env }
  delete given.SLIPWAY_TOKEN
  return {
    ...given,
    PATH: env.PATH ?? `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`,
    HOST: '127.0.0.1',
    PORT: String(port),
    SLIPWAY_DATA: join(folder, 'data'),
    SLIPWAY_CONTENT: join(folder, 'content'),
    SLIPWAY_URL: `http://127.0.0.1:${port}`,
    BUILDER_SCRATCH: join(folder, 'builder'),
    BUILDER_RESERVE_DISK_MIB: '1',
    DATABASE_URL: '',
  }
}

/** Prepares a portal without starting it. */
export async function createPortal(options: PortalOptions = {}): Promise<Portal> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-portal-'))
  // The sandboxes' users pass through it.
  chmodSync(folder, 0o711)
  const changes = [...quick, ...(options.distribution ?? [])]
  const content = makeContent(folder, options.content ?? join(root, 'content'), changes)
  const port = await freePort()
  const env = environment(folder, port, options.env ?? {})
  let child: ChildProcess | undefined
  let said = ''

  const pidOf = (program: ProgramName) =>
    treeOf(child?.pid ?? 0).find((pid) => commandOf(pid).includes(scripts[program]))

  async function end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return null
    const running = child
    const pids = treeOf(child.pid)
    const ended = new Promise<number | null>((resolve) => running.once('exit', resolve))
    for (const pid of signal === 'SIGKILL' ? pids : [child.pid]) send(pid, signal)
    const status = await ended
    await until('its programs have ended', () => !pids.some(isAlive), 30_000)
    return status
  }

  return {
    url: env.SLIPWAY_URL,
    ...{ folder, data: env.SLIPWAY_DATA, content, env, pidOf, end },
    pid: () => child?.pid,
    said: () => said,
    firstAdminLink: () =>
      until('the first administrator’s link', () =>
        said.match(/http\S+first-admin\?token=\S+(?=\s)/g)?.at(-1),
      ),
    async start() {
      const before = said.length
      child = spawn(node, [join(root, 'src/up.ts')], {
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk: Buffer) => {
          said += chunk.toString()
        })
      const served = () => said.slice(before).includes('is served at')
      const over = () => child?.exitCode !== null
      await until('the portal answers', () => served() || over(), 60_000)
      if (!served()) throw new Error(`the portal did not start:\n${said.slice(before)}`)
    },
    async stop() {
      await end('SIGKILL')
      await removeFolder(folder)
    },
  }
}

export async function startPortal(options: PortalOptions = {}): Promise<Portal> {
  const portal = await createPortal(options)
  try {
    await portal.start()
    return portal
  } catch (error) {
    await portal.stop()
    throw error
  }
}
