/**
 * Groups of control (cgroups) around sandboxes, where this builder may make them: the kernel itself bounds
 * memory and processes then, also what no look sees (memory that no process maps, files in flight). That is
 * version 1, for a builder that runs as root; elsewhere the watcher's looks are all there is.
 */
import { chownSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning, startTime } from './processes.ts'
import type { Limits } from './protocol.ts'

const top = '/sys/fs/cgroup'
const prefix = 'slipway-'

type Controller = 'memory' | 'pids'

/** Folder of this process's own group in a hierarchy of version 1, as /proc/self/cgroup tells. */
function ownFolder(controller: Controller): string | undefined {
  const lines = readFileSync('/proc/self/cgroup', 'latin1').split('\n')
  const line = lines.find((each) => each.split(':')[1]?.split(',').includes(controller))
  return line && join(top, controller, line.split(':').slice(2).join(':'))
}

/** Whether a group can be made there and removed again. */
function canMake(folder: string): boolean {
  try {
    const probe = join(folder, `${prefix}${process.pid}-probe`)
    mkdirSync(probe)
    rmdirSync(probe)
    return true
  } catch {
    return false
  }
}

let found: Map<Controller, string> | undefined

/** The controllers that bound sandboxes here, each with the folder that holds their groups. */
function usable(): Map<Controller, string> {
  if (found) return found
  found = new Map()
  for (const controller of ['memory', 'pids'] as const) {
    const folder = ownFolder(controller)
    if (folder !== undefined && canMake(folder)) found.set(controller, folder)
  }
  return found
}

export const boundControllers = (): string[] => [...usable().keys()]

/** Removes groups of builders that no longer run. */
export function removeStaleGroups(): void {
  for (const folder of usable().values())
    for (const name of readdirSync(folder)) {
      const owner = /^slipway-(\d+)-(\d+)-\d+$/.exec(name)
      if (owner && !isRunning(Number(owner[1]), owner[2])) removeGroup(join(folder, name))
    }
}

function removeGroup(path: string): boolean {
  try {
    rmdirSync(path)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

export interface Group {
  /** Files that a process writes its id to when it joins. */
  joins: string[]
  /** Whether the kernel has killed something in it for want of memory. */
  outOfMemory(): boolean
  /** Removes it; its processes are gone by then. */
  remove(): Promise<void>
}

let count = 0

/** A group with these limits. @param uid who joins it */
export function createGroup(limits: Limits, uid: number | undefined): Group {
  count += 1
  const name = `${prefix}${process.pid}-${startTime(process.pid)}-${count}`
  const paths = new Map<Controller, string>()
  for (const [controller, folder] of usable()) {
    const path = join(folder, name)
    mkdirSync(path)
    paths.set(controller, path)
    if (controller === 'memory')
      writeFileSync(join(path, 'memory.limit_in_bytes'), String(limits.memory_bytes))
    // Above what the watcher stops at, so that a build that exceeds it is told so.
    else writeFileSync(join(path, 'pids.max'), String(2 * limits.processes + 64))
    if (uid !== undefined) chownSync(join(path, 'cgroup.procs'), uid, uid)
  }
  const memory = paths.get('memory')
  return {
    joins: [...paths.values()].map((path) => join(path, 'cgroup.procs')),
    outOfMemory: () =>
      memory !== undefined &&
      /^oom_kill [1-9]/m.test(readFileSync(join(memory, 'memory.oom_control'), 'latin1')),
    async remove() {
      for (const path of paths.values())
        for (let tries = 0; tries < 100 && !removeGroup(path); tries += 1) await sleep(20)
    },
  }
}
