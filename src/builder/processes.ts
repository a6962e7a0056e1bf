/** What a tree of processes uses, read from /proc (proc(5)): no cgroup is needed, nor root. */
import { type BigIntStats, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** When a process began, in clock ticks since boot; with the pid it names a process for good. */
export function startTime(pid: number): string | undefined {
  return readStat(pid)?.start
}

interface Stat {
  pid: number
  state: string
  parent: number
  threads: number
  start: string
}

function readStat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name stands in parentheses and may hold anything; the fields after it are numbers.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const [state = '', parent = ''] = fields
    return {
      pid,
      state,
      parent: Number(parent),
      threads: Number(fields[17]),
      start: fields[19] ?? '',
    }
  } catch {
    return undefined
  }
}

/** True while the process runs; a zombie that nobody has waited for is over. */
export function isRunning(pid: number, start: string | undefined): boolean {
  const stat = readStat(pid)
  return stat !== undefined && stat.start === start && stat.state !== 'Z' && stat.state !== 'X'
}

/**
 * The process and all its descendants. Orphans in a pid namespace become children of its first
 * process, so that a tree with a namespace's first process at its root loses none.
 */
export function processTree(root: number): Stat[] {
  const children = new Map<number, Stat[]>()
  const tree: Stat[] = []
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readStat(Number(name)) : undefined
    if (!stat) continue
    if (stat.pid === root) tree.push(stat)
    const siblings = children.get(stat.parent)
    if (siblings) siblings.push(stat)
    else children.set(stat.parent, [stat])
  }
  for (let at = 0; at < tree.length; at += 1)
    tree.push(...(children.get(tree[at]?.pid ?? -1) ?? []))
  return tree
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended in between.
  }
}

/** Kills the process and waits until it is over, and with it every process of its pid namespace. */
export async function endProcess(pid: number, start: string | undefined): Promise<void> {
  while (isRunning(pid, start)) {
    signal(pid)
    await sleep(10)
  }
}

function isSandboxOf(pid: number, folder: string): boolean {
  try {
    const [command, ...rest] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return (
      command === 'bwrap' && rest.some((word) => word === folder || word.startsWith(`${folder}/`))
    )
  } catch {
    return false
  }
}

/**
 * Kills the bwrap processes of a folder (or of those below it), outermost or first inside. Once it
 * runs, a sandbox dies with the process that started it; while it starts, its inner process would
 * wait for a dead outer one for ever, so each is killed by itself.
 */
export function killSandboxes(folder: string): void {
  for (const name of readdirSync('/proc')) {
    if (/^\d+$/.test(name) && isSandboxOf(Number(name), folder)) signal(Number(name))
  }
}

export interface Usage {
  /** Processes and their threads: what RLIMIT_NPROC counts. */
  threads: number
  /** Memory that belongs to the tree: anonymous, shared and swapped; file cache is not counted. */
  memory_bytes: number
}

const ownMemory = /^(?:RssAnon|RssShmem|VmSwap):\s+(\d+) kB$/gm

function processMemory(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const sizes = Array.from(status.matchAll(ownMemory), (match) => Number(match[1]))
    return sizes.reduce((sum, kib) => sum + kib, 0) * 1024
  } catch {
    return 0
  }
}

/** @param root the first process of the sandbox's pid namespace */
export function treeUsage(root: number): Usage {
  const tree = processTree(root)
  return {
    threads: tree.reduce((sum, stat) => sum + stat.threads, 0),
    memory_bytes: tree.reduce((sum, stat) => sum + processMemory(stat.pid), 0),
  }
}

function statDescriptor(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true })
  } catch {
    return undefined
  }
}

function descriptors(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`)
  } catch {
    return []
  }
}

/**
 * Bytes in files that have no name any more but are held open: on a disk (du does not see them) and
 * in memory (memfd_create). At most the first `limit` processes are looked at.
 */
export function hiddenFiles(root: number, device: bigint, limit = 500) {
  const seen = new Set<string>()
  const hidden = { disk_bytes: 0, memory_bytes: 0 }
  for (const { pid } of processTree(root).slice(0, limit)) {
    for (const path of descriptors(pid)) {
      const stat = statDescriptor(path)
      if (!stat?.isFile() || stat.nlink > 0n) continue
      const key = `${stat.dev}:${stat.ino}`
      if (seen.has(key)) continue
      seen.add(key)
      const size = Number(stat.blocks) * 512
      if (stat.dev === device) hidden.disk_bytes += size
      else if (isMemoryFile(path)) hidden.memory_bytes += size
    }
  }
  return hidden
}

function isMemoryFile(path: string): boolean {
  try {
    return readlinkSync(path).startsWith('/memfd:')
  } catch {
    return false
  }
}
