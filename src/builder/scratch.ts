/**
 * The builder's folder: `<scratch>/<pid>-<start>/<task>-<n>/`. Folders of builders that no longer
 * run are removed at start, so that a `kill -9` leaves nothing behind but one start's work.
 */
import { execFile } from 'node:child_process'
import { chownSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { removeStaleGroups } from './cgroup.ts'
import { isRunning, killSandboxes, startTime } from './processes.ts'
import type { Identity } from './sandbox.ts'

const run = promisify(execFile)

/** Removes a folder whatever a build has put there: any depth, any mode, links not followed. */
export async function removeFolder(folder: string): Promise<void> {
  // chmod fails on what vanishes or is not ours; rm then says what is left.
  await run('chmod', ['-R', 'u+rwx', '--', folder]).catch(() => {})
  await run('rm', ['-rf', '--one-file-system', '--', folder])
}

/** @returns the first folder on the way to `path` that other users may not pass, or undefined */
function closedFolder(path: string): string | undefined {
  const parent = dirname(path)
  const above = parent === path ? undefined : closedFolder(parent)
  return above ?? ((statSync(path).mode & 0o001) === 0 ? path : undefined)
}

async function removeStale(scratch: string): Promise<number> {
  const stale = readdirSync(scratch).filter((name) => {
    const owner = /^(\d+)-(\d+)$/.exec(name)
    return owner !== null && !isRunning(Number(owner[1]), owner[2])
  })
  for (const name of stale) {
    // A sandbox dies with its builder, except one that was just being started.
    killSandboxes(join(scratch, name))
    await removeFolder(join(scratch, name))
  }
  return stale.length
}

export interface TaskFolder {
  path: string
  /** What the sandbox sees as /build. */
  build: string
}

export interface Scratch {
  /** How many folders of dead builders were removed. */
  removed: number
  create(identity: Identity | undefined): Promise<TaskFolder>
  remove(folder: TaskFolder): Promise<void>
  close(): Promise<void>
}

/**
 * @param dropped whether sandboxes run as another user, who must be able to reach the folder
 * @throws Error with a sentence on what is wrong with the folder
 */
export async function openScratch(scratch: string, dropped: boolean): Promise<Scratch> {
  await mkdir(scratch, { recursive: true, mode: 0o711 })
  const { uid } = lstatSync(scratch)
  if (uid !== process.getuid?.())
    throw new Error(`BUILDER_SCRATCH: ${scratch} belongs to another user (uid ${uid}).`)
  const closed = dropped ? closedFolder(scratch) : undefined
  if (closed)
    throw new Error(
      `BUILDER_SCRATCH: other users may not enter ${closed} (chmod o+x), so no sandbox can.`,
    )
  const removed = await removeStale(scratch)
  removeStaleGroups()
  const own = join(scratch, `${process.pid}-${startTime(process.pid)}`)
  mkdirSync(own, { recursive: true, mode: 0o711 })
  let count = 0

  return {
    removed,
    async create(identity) {
      count += 1
      const path = join(own, `${count}`)
      const build = join(path, 'build')
      mkdirSync(path, { mode: 0o711 })
      for (const folder of [
        build,
        ...['tmp', 'SOURCES', 'SPECS'].map((name) => join(build, name)),
      ]) {
        mkdirSync(folder, { mode: 0o700 })
        if (identity) chownSync(folder, identity.uid, identity.gid)
      }
      return { path, build }
    },
    remove: (folder) => removeFolder(folder.path),
    close: () => removeFolder(own),
  }
}
