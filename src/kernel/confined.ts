/**
 * Runs a tool of the system on strangers' bytes (packages, metadata) away from everything else: no network,
 * no key, no database, a file system that holds the host's /usr read-only and what the caller names. The
 * worker has the signing key and must not parse such bytes itself.
 */
import { execFile } from 'node:child_process'
import { existsSync, lstatSync, readlinkSync } from 'node:fs'
import { promisify } from 'node:util'
import { MINUTE_MS } from './clock.ts'

const run = promisify(execFile)
const mib = 1024 * 1024

export interface Confined {
  /** Program by its path inside, then its arguments. */
  argv: string[]
  /** What it may read: path inside -> path on the host. */
  read?: Record<string, string>
  /** Folders that it may write: path inside -> path on the host. */
  write?: Record<string, string>
  env?: Record<string, string>
  timeout_ms?: number
  /** Of all that it allocates. */
  memory_bytes?: number
  /** Of its output; more is an error. */
  max_output_bytes?: number
  signal?: AbortSignal | undefined
}

/** The host's programs: /usr and, where it is not merged, the folders beside it. */
function systemMounts(): string[] {
  const beside = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'].flatMap((name) => {
    const path = `/${name}`
    if (!existsSync(path)) return []
    const link = lstatSync(path).isSymbolicLink()
    return link ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path]
  })
  const etc = ['/etc/ld.so.cache', '/etc/alternatives', '/etc/rpm', '/etc/crypto-policies']
  const known = etc.filter((path) => existsSync(path))
  return [
    ...['--ro-bind', '/usr', '/usr', ...beside],
    ...known.flatMap((path) => ['--ro-bind', path, path]),
  ]
}

const pairs = (option: string, paths: Record<string, string> = {}) =>
  Object.entries(paths).flatMap(([inside, outside]) => [option, outside, inside])

function bwrapArguments(what: Confined): string[] {
  const env = { PATH: '/usr/bin:/bin:/usr/sbin', HOME: '/tmp', LANG: 'C.UTF-8', TZ: 'UTC' }
  return [
    ...[
      '--unshare-all',
      '--unshare-user',
      '--disable-userns',
      '--die-with-parent',
      '--new-session',
    ],
    ...['--uid', '1000', '--gid', '1000', '--hostname', 'portal', '--clearenv'],
    ...Object.entries({ ...env, ...what.env }).flatMap((each) => ['--setenv', ...each]),
    ...systemMounts(),
    ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp', '--dir', '/var'],
    ...['--symlink', '../tmp', '/var/tmp'],
    ...pairs('--ro-bind', what.read),
    ...pairs('--bind', what.write),
    ...['--remount-ro', '/', '--chdir', '/tmp', '--'],
  ]
}

/**
 * @returns what it wrote
 * @throws Error with `code` (its exit status, or ENOENT where bubblewrap is missing) and `stderr`
 */
export function runConfined(what: Confined): Promise<{ stdout: string; stderr: string }> {
  const limits = [`--data=${what.memory_bytes ?? 4096 * mib}`, '--core=0', '--nofile=4096']
  return run(
    'bwrap',
    [...bwrapArguments(what), '/usr/bin/prlimit', ...limits, '--', ...what.argv],
    {
      timeout: what.timeout_ms ?? 10 * MINUTE_MS,
      killSignal: 'SIGKILL',
      maxBuffer: what.max_output_bytes ?? 16 * mib,
      ...(what.signal && { signal: what.signal }),
    },
  )
}
