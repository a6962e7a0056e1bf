/** Watches a sandbox while it runs, and says which limit it has exceeded. */
import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { promisify } from 'node:util'
import { type Reason, reason } from '../kernel/reason.ts'
import { hiddenFiles, treeUsage } from './processes.ts'
import type { Limits } from './protocol.ts'

const run = promisify(execFile)
const mib = 1024 * 1024
const processInterval_ms = 200
const diskInterval_ms = 500

/** Space that a folder takes, by du(1): it copes with any depth and any name. */
export async function folderSize(folder: string): Promise<number> {
  // du complains (exit 1) when files vanish under it; what it counted still stands on stdout.
  const done = await run('du', ['-sxB1', '--', folder]).catch((error: { stdout?: string }) => error)
  return Number.parseInt(done.stdout ?? '0', 10) || 0
}

export function limitReason(limit: keyof Limits, limits: Limits): Reason {
  const codes = {
    time_s: reason('build.limit-time', { limit_s: limits.time_s }),
    memory_bytes: reason('build.limit-memory', { limit_mib: Math.ceil(limits.memory_bytes / mib) }),
    processes: reason('build.limit-processes', { limit: limits.processes }),
    disk_bytes: reason('build.limit-disk', { limit_mib: Math.ceil(limits.disk_bytes / mib) }),
    log_bytes: reason('build.limit-log', { limit_mib: Math.ceil(limits.log_bytes / mib) }),
  }
  return codes[limit]
}

export interface Watched {
  /** First process of the sandbox's pid namespace. */
  root: number
  folder: string
  limits: Limits
  /** Free space that must stay on the folder's file system. */
  reserve_bytes: number
}

function checkProcesses({ root, limits }: Watched): Reason | undefined {
  const usage = treeUsage(root)
  if (usage.threads > limits.processes) return limitReason('processes', limits)
  if (usage.memory_bytes > limits.memory_bytes) return limitReason('memory_bytes', limits)
  return undefined
}

/** What is on the disk alone; also asked once more after the end. */
export async function checkDisk(
  folder: string,
  limits: Limits,
  hidden_bytes = 0,
): Promise<Reason | undefined> {
  const size_bytes = (await folderSize(folder)) + hidden_bytes
  return size_bytes > limits.disk_bytes ? limitReason('disk_bytes', limits) : undefined
}

async function checkFiles({
  root,
  folder,
  limits,
  reserve_bytes,
}: Watched): Promise<Reason | undefined> {
  const free = await statfs(folder)
  if (
    free.bavail * free.bsize < reserve_bytes ||
    (free.files > 0 && free.ffree < free.files / 200)
  ) {
    return reason('build.scratch-full', { free_mib: Math.floor((free.bavail * free.bsize) / mib) })
  }
  const hidden = hiddenFiles(root, statSync(folder, { bigint: true }).dev)
  if (hidden.memory_bytes > limits.memory_bytes) return limitReason('memory_bytes', limits)
  return checkDisk(folder, limits, hidden.disk_bytes)
}

/**
 * Looks at processes every 200 ms and at the disk every 500 ms, less often where looking is slow.
 * @param exceeded called once, with the first limit that is exceeded
 * @returns stops watching
 */
export function watch(watched: Watched, exceeded: (reason: Reason) => void): () => void {
  let stopped = false
  const repeat = (interval_ms: number, check: () => Promise<Reason | undefined>) => {
    const look = async () => {
      const began = performance.now()
      const found = await check().catch(() => undefined)
      if (stopped) return
      if (found) {
        stopped = true
        exceeded(found)
      } else setTimeout(look, Math.max(interval_ms, 4 * (performance.now() - began)))
    }
    setTimeout(look, interval_ms)
  }
  repeat(processInterval_ms, async () => checkProcesses(watched))
  repeat(diskInterval_ms, () => checkFiles(watched))
  return () => {
    stopped = true
  }
}
