/** Source packages for tests to submit, made by the real rpmbuild, and what becomes of them. */
import { execFile } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import type { Api, Build, Task, Update } from './api.ts'
import { until } from './until.ts'

const run = promisify(execFile)

/** Source packages of this test file or bench, removed at its end. */
const folder = mkdtempSync(join(tmpdir(), 'slipway-srpm-'))
const clear = () => rmSync(folder, { recursive: true, force: true })
// A test's process is ended from outside and hears of no exit; a bench knows no end but that.
if (process.env.VITEST) (await import('vitest')).afterAll(clear)
else process.once('exit', clear)

/** Makes a source package in a folder of its own. @returns the path of the .src.rpm */
export async function makeSrpm(
  spec: string,
  sources: string[] = [],
  dist = '.kl10',
): Promise<string> {
  const top = mkdtempSync(join(folder, 'top-'))
  const file = join(top, 'package.spec')
  writeFileSync(file, spec)
  mkdirSync(join(top, 'SOURCES'))
  for (const source of sources) copyFileSync(source, join(top, 'SOURCES', basename(source)))
  const defines = ['--define', `_topdir ${top}`, '--define', `dist ${dist}`]
  await run('rpmbuild', ['-bs', '--nodeps', ...defines, file])
  const [made] = readdirSync(join(top, 'SRPMS'))
  return join(top, 'SRPMS', made ?? '')
}

/** Makes a folder of packages a repository, by createrepo_c. */
export async function createRepository(path: string): Promise<void> {
  await run('createrepo_c', ['--quiet', path])
}

/** Uploads a source package and asks for its build. @returns the task to follow */
export async function submitSrpm(api: Api, path: string, filename = basename(path)): Promise<Task> {
  const blob = await api.upload(new Uint8Array(readFileSync(path)))
  return api.post('/api/builds', { srpm: { filename, ...blob } })
}

const ENDED = ['CLOSED', 'FAILED', 'CANCELED']

/** Waits for a task's end, however it ends. */
export function ended(api: Api, task: { id: number }, deadline_ms = 120_000): Promise<Task> {
  return until(
    `the end of task ${task.id}`,
    async () => {
      const now = await api.task(task.id)
      return ENDED.includes(now.state) && now
    },
    deadline_ms,
  )
}

/** Waits for a build task to succeed. @returns the build that it made */
export async function built(api: Api, task: { id: number }, deadline_ms?: number): Promise<Build> {
  const end = await ended(api, task, deadline_ms)
  if (end.state !== 'CLOSED')
    throw new Error(`task ${task.id} ${end.state}: ${end.reason?.sentence ?? ''}`)
  const builds = await api.all<Build>('/api/builds')
  const made = builds.find((each) => each.task_id === task.id)
  if (!made) throw new Error(`task ${task.id} made no build`)
  return api.get(`/api/builds/${made.nvr}`)
}

/** Waits until an update has a status and nothing holds it any more. */
export function reaches(api: Api, alias: string, status: Update['status'], deadline_ms = 60_000) {
  return until(
    `${alias} to be ${status}`,
    async () => {
      const update = await api.update(alias)
      return update.status === status && update.request === null && update
    },
    deadline_ms,
  )
}
