/**
 * The system's rsync, run against a daemon that we do not trust: no shell, a bare environment, bounded in
 * time, memory, file size and output.
 */
import { spawn } from 'node:child_process'
import { MINUTE_MS, SECOND_MS } from '../kernel/clock.ts'
import { FetchFault } from './fetcher.ts'

export interface RsyncLimits {
  connect_ms: number
  /** Without any byte. */
  idle_ms: number
  whole_ms: number
  /** No file may grow larger here, whatever the daemon says of its size. */
  file_bytes: number
  signal?: AbortSignal | undefined
}

/** This machine lacks rsync or prlimit: that says nothing about any mirror. */
export class ToolMissing extends Error {}

/** Longest output that is kept of one run; a listing of what was asked for is far shorter. */
const OUTPUT_BYTES = 1024 * 1024

/** What prlimit(1) says where the program that it shall run is not there. */
const NOT_FOUND = 127

/** Exit codes of rsync(1) that leave something to judge: some files were not there, or vanished. */
const PARTIAL = [0, 23, 24]

const seconds = (ms: number) => String(Math.max(1, Math.ceil(ms / SECOND_MS)))

/**
 * Runs rsync and waits for its end. Files that are not there are no error.
 * @param args the last ones: options of the caller, `--`, source and destination
 * @returns what it printed
 * @throws FetchFault, ToolMissing
 */
export function runRsync(args: string[], limits: RsyncLimits): Promise<string> {
  if (limits.whole_ms <= 0) throw new FetchFault('budget')
  const own = [
    ...['--no-motd', `--contimeout=${seconds(limits.connect_ms)}`],
    ...[`--timeout=${seconds(limits.idle_ms)}`, '--max-alloc=64M'],
  ]
  // prlimit(1) holds a daemon to the size that it named.
  const bounded = [`--fsize=${limits.file_bytes}`, '--core=0', 'rsync', ...own, ...args]
  return new Promise((resolve, reject) => {
    const child = spawn('prlimit', bounded, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // No proxy, no password prompt, no options of the operator's; messages in English.
      env: { PATH: process.env.PATH, LC_ALL: 'C', RSYNC_PASSWORD: 'anonymous' },
      killSignal: 'SIGKILL',
      timeout: Math.min(limits.whole_ms, 10 * MINUTE_MS),
      ...(limits.signal && { signal: limits.signal }),
    })
    let [out, said] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => {
      if (out.length < OUTPUT_BYTES) out += chunk.toString('latin1')
      else child.kill('SIGKILL')
    })
    child.stderr.on('data', (chunk: Buffer) => {
      if (said.length < 4000) said += chunk.toString('latin1')
    })
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ENOENT'
          ? new ToolMissing(error.message)
          : new FetchFault('broken', error.message),
      ),
    )
    child.once('close', (code, signal) => {
      if (code === NOT_FOUND) reject(new ToolMissing(said.trim()))
      else if (code !== null && PARTIAL.includes(code) && !FATAL.test(said)) resolve(out)
      else reject(faultOfRun(code, signal, said))
    })
  })
}

/** What makes a partial run no run at all. */
const FATAL = /@ERROR|File too large|Cannot allocate/

/** Codes are those of rsync(1), EXIT VALUES. */
function faultOfRun(code: number | null, signal: string | null, said: string): FetchFault {
  const line = said.split('\n').find((each) => each.trim() !== '') ?? ''
  if (/File too large|exceeded --max-alloc/.test(said) || signal === 'SIGXFSZ')
    return new FetchFault('too-large', line)
  if (signal !== null || code === 30) return new FetchFault('timeout', line)
  if (code === 35) return new FetchFault('connect-timeout', line)
  if (code === 10 && /refused|unreachable|No route/.test(said))
    return new FetchFault('refused', line)
  if (code === 10 && /timed out/.test(said)) return new FetchFault('connect-timeout', line)
  if (/@ERROR/.test(said) || code === 5) return new FetchFault('protocol', line)
  return new FetchFault('broken', line)
}

/** Sizes by path of what `--list-only` printed: `-rw-r--r--    1,234 2026/01/05 12:00:00 path`. */
export function readListing(text: string): Map<string, number> {
  const lines = text.matchAll(/^-\S{9,10}\s+([\d,.]+)\s+\S+\s+\S+\s(.+)$/gm)
  return new Map(
    Array.from(lines, ([, size = '', path = '']) => [path, Number(size.replace(/[,.]/g, ''))]),
  )
}
