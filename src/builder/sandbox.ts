/**
 * Runs one command in a bubblewrap sandbox: no network, no privileges, a file system of its own in
 * which only the build folder can be written, and limits that end the whole tree of processes.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { machine } from 'node:os'
import type { Reason } from '../kernel/reason.ts'
import { boundControllers, createGroup, type Group } from './cgroup.ts'
import { endProcess, killSandboxes, startTime } from './processes.ts'
import type { Limits } from './protocol.ts'
import { assemble, filterProgram, isKnownMachine } from './seccomp/filter.ts'
import { checkDisk, limitReason, watch } from './watch.ts'

const mib = 1024 * 1024
const oomInterval_ms = 100

/** The numeric user that sandboxes run as when the builder itself is root. */
export interface Identity {
  uid: number
  gid: number
}

export interface SandboxRun {
  argv: string[]
  /** Folder on the host that is /build inside; it belongs to `identity`. */
  folder: string
  /** Files on the host that are read-only inside: path inside -> path on the host. */
  files: Record<string, string>
  identity: Identity | undefined
  limits: Limits
  reserve_disk_bytes: number
  /** Only git gets the host's network, and nothing that a package brings runs in that sandbox. */
  network?: boolean
  env?: Record<string, string>
  /** stderr comes in one stream with stdout, so that lines stay whole and in order. */
  merged?: boolean
  onOutput: (chunk: Buffer, stream: 'stdout' | 'stderr') => void
  /** Kills the run when aborted. */
  signal: AbortSignal
}

export interface SandboxEnd {
  /** Exit status of the command; 128 + N when signal N ended it. */
  exit_code: number
  /** The limit that ended it. */
  exceeded: Reason | undefined
  aborted: boolean
}

/** Folders of the host's tool chain besides /usr: links on a merged-/usr host, else folders. */
function toolchainMounts(): string[] {
  return ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'].flatMap((name) => {
    const path = `/${name}`
    if (!existsSync(path)) return []
    const link = lstatSync(path).isSymbolicLink()
    return link ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path]
  })
}

/** bash as /bin/sh, whatever the host has there: specs of Enterprise Linux were written for it. */
function bashAsShell(): string[] {
  const bash = ['/usr/bin/bash', '/bin/bash'].find((path) => existsSync(path))
  return bash ? ['--ro-bind', bash, realpathSync('/bin/sh')] : []
}

/** What of /etc a tool chain needs: which command stands for cc, and where libraries are. */
const etc = [
  '/etc/alternatives',
  '/etc/ld.so.cache',
  '/etc/ld.so.conf',
  '/etc/ld.so.conf.d',
  '/etc/perl',
]
const etcForNetwork = [
  '/etc/resolv.conf',
  '/etc/ssl/certs',
  '/etc/ssl/openssl.cnf',
  '/etc/pki/tls',
  '/etc/pki/ca-trust',
]

const readOnly = (paths: string[]) =>
  paths.filter((path) => existsSync(path)).flatMap((path) => ['--ro-bind', path, path])

/** Where bwrap reads the filter of system calls; undefined on a machine that there is no table for. */
const filterFd = 4
const rpmMachine = machine()
const filter = isKnownMachine(rpmMachine) ? assemble(filterProgram(rpmMachine)) : undefined

/** What of a sandbox the kernel itself bounds, besides namespaces and the limits of each process. */
export const kernelBounds = (): string[] => [...(filter ? ['seccomp'] : []), ...boundControllers()]

function bwrapArguments(run: SandboxRun): string[] {
  const env = {
    PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
    HOME: '/build',
    TMPDIR: '/build/tmp',
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    ...run.env,
  }
  return [
    ...[
      '--unshare-all',
      '--unshare-user',
      '--disable-userns',
      '--die-with-parent',
      '--new-session',
    ],
    ...(run.network ? ['--share-net'] : []),
    ...(filter ? ['--seccomp', String(filterFd)] : []),
    ...['--uid', '1000', '--gid', '1000', '--hostname', 'builder', '--info-fd', '3', '--clearenv'],
    ...Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]),
    ...['--ro-bind', '/usr', '/usr', ...toolchainMounts(), ...bashAsShell()],
    ...readOnly(run.network ? [...etc, ...etcForNetwork] : etc),
    ...Object.entries(run.files).flatMap(([inside, outside]) => ['--ro-bind', outside, inside]),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...['--size', String(64 * mib), '--tmpfs', '/dev/shm', '--remount-ro', '/dev'],
    ...[
      '--size',
      String(256 * mib),
      '--tmpfs',
      '/tmp',
      '--dir',
      '/var',
      '--symlink',
      '../build/tmp',
      '/var/tmp',
    ],
    ...['--bind', run.folder, '/build', '--remount-ro', '/', '--chdir', '/build', '--'],
  ]
}

/**
 * Limits that the kernel keeps. They lie above what the watcher stops at, so that a build which exceeds
 * a limit is told so by name; they bound what happens between two looks.
 */
function limited({ argv, limits, merged }: SandboxRun): string[] {
  const data_bytes = 2 * limits.memory_bytes + 1024 * mib
  return [
    // A machine short of memory ends builds first.
    ...[
      '/bin/sh',
      '-c',
      `echo 1000 >/proc/self/oom_score_adj; exec "$@"${merged ? ' 2>&1' : ''}`,
      'sh',
    ],
    ...['/usr/bin/prlimit', `--nproc=${2 * limits.processes + 64}`, `--data=${data_bytes}`],
    ...[`--fsize=${limits.disk_bytes + mib}`, '--core=0', '--'],
    ...argv,
  ]
}

/** bwrap reads to the end; one that was killed first reads nothing, which its exit status tells. */
function giveFilter(child: ChildProcess): void {
  const pipe = child.stdio[filterFd] as NodeJS.WritableStream
  pipe.on('error', () => {})
  pipe.end(filter ?? '')
}

/** The first process inside, as bwrap reports it; undefined when bwrap could not start it. */
async function firstProcess(child: ChildProcess): Promise<number | undefined> {
  let text = ''
  for await (const chunk of child.stdio[3] as NodeJS.ReadableStream) text += String(chunk)
  const pid = /"child-pid":\s*(\d+)/.exec(text)?.[1]
  return pid ? Number(pid) : undefined
}

/** Counts output and hands it on until the log limit is reached. */
function meterOutput(child: ChildProcess, run: SandboxRun, exceeded: (why: Reason) => void): void {
  let size_bytes = 0
  const take = (stream: 'stdout' | 'stderr') => (chunk: Buffer) => {
    const room = run.limits.log_bytes - size_bytes
    size_bytes += chunk.length
    if (room > 0) run.onOutput(chunk.subarray(0, room), stream)
    if (size_bytes > run.limits.log_bytes) exceeded(limitReason('log_bytes', run.limits))
  }
  child.stdout?.on('data', take('stdout'))
  child.stderr?.on('data', take('stderr'))
}

function waitForEnd(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 128)))
  })
}

/**
 * Runs the command and returns when its last process is gone, so that nobody can change the folder
 * while the caller reads it. A builder that dies takes the sandbox with it (PR_SET_PDEATHSIG).
 * @throws Error when bubblewrap itself does not start
 */
export async function runInSandbox(run: SandboxRun): Promise<SandboxEnd> {
  const group = createGroup(run.limits, run.identity?.uid)
  try {
    return await runInGroup(run, group)
  } finally {
    await group.remove()
  }
}

/** Joins the groups, then becomes bwrap: whatever it starts is in them. */
const joining = 'while [ "$1" != -- ]; do echo $$ >"$1" || exit 125; shift; done; shift; exec "$@"'

async function runInGroup(run: SandboxRun, group: Group): Promise<SandboxEnd> {
  const argv = ['-c', joining, 'sh', ...group.joins, '--', 'bwrap']
  const child = spawn('/bin/sh', [...argv, ...bwrapArguments(run), ...limited(run)], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    ...run.identity,
  })
  giveFilter(child)
  const end: SandboxEnd = { exit_code: -1, exceeded: undefined, aborted: false }
  const ended = waitForEnd(child)
  const kill = () => {
    child.kill('SIGKILL')
    // A process that is being killed starts no other, so that what is found now is all there is.
    killSandboxes(run.folder)
  }
  const exceed = (why: Reason) => {
    end.exceeded ??= why
    kill()
  }
  const abort = () => {
    end.aborted = true
    kill()
  }
  meterOutput(child, run, exceed)
  const timer = setTimeout(
    () => exceed(limitReason('time_s', run.limits)),
    run.limits.time_s * 1000,
  )
  // The kernel kills one process; without it the others would wait for ever.
  const oom = setInterval(() => {
    if (group.outOfMemory()) exceed(limitReason('memory_bytes', run.limits))
  }, oomInterval_ms)
  run.signal.addEventListener('abort', abort, { once: true })
  if (run.signal.aborted) abort()
  let stopWatching = () => {}
  try {
    const root = await Promise.race([firstProcess(child), ended.then(() => undefined)])
    const start = root === undefined ? undefined : startTime(root)
    if (root !== undefined) {
      const { folder, limits, reserve_disk_bytes } = run
      stopWatching = watch({ root, folder, limits, reserve_bytes: reserve_disk_bytes }, exceed)
    }
    end.exit_code = await ended
    if (root !== undefined && start !== undefined) await endProcess(root, start)
    else if (root === undefined && !end.aborted && !end.exceeded)
      throw new Error('bwrap did not start the command')
  } finally {
    stopWatching()
    clearTimeout(timer)
    clearInterval(oom)
    run.signal.removeEventListener('abort', abort)
  }
  if (group.outOfMemory()) end.exceeded ??= limitReason('memory_bytes', run.limits)
  if (end.exit_code !== 0) end.exceeded ??= await checkDisk(run.folder, run.limits)
  return end
}
