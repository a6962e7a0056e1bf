/**
 * The log of one task: a file in the scratch folder that grows, and an upload that follows it. The
 * portal says how much it has; the upload goes on from there. What earlier attempts wrote stays before.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const interval_ms = 250
const eager_bytes = 64 * 1024
const part_bytes = 1024 * 1024
/** After so many parts that did not make it longer, the portal's log is taken to be full. */
const mostStalls = 5

/** Sends bytes at an offset; returns how much of the log the portal now has. */
export type SendLog = (offset: number, bytes: Uint8Array<ArrayBuffer>) => Promise<number>

export interface TaskLog {
  /** The file, which holds what this attempt wrote. */
  path: string
  write(chunk: Uint8Array): void
  /** A line of the builder's own, told from the build's by its mark. */
  say(line: string): void
  /** Waits until the portal has all of it. @throws what sending threw */
  end(): Promise<void>
  /** Stops without sending the rest. */
  drop(): void
}

/**
 * @param path where the file is kept; it must not exist
 * @param failed told when sending has failed for good, and when the file can't be written
 */
export function openTaskLog(
  path: string,
  send: SendLog,
  failed: { notSent: (error: unknown) => void; notWritten: (error: unknown) => void },
): TaskLog {
  const fd = openSync(path, 'wx+', 0o600)
  let written = 0
  let sent = 0
  /** Size of what the portal's log held before this attempt. */
  let before = 0
  let stalls = 0
  let ended = false
  let wake = new AbortController()

  const write = (chunk: Uint8Array) => {
    if (ended) return
    try {
      for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done)
    } catch (error) {
      ended = true
      failed.notWritten(error)
      return
    }
    written += chunk.length
    if (written - sent >= eager_bytes) wake.abort()
  }

  async function sendNext(): Promise<void> {
    const part = Buffer.alloc(Math.min(part_bytes, written - sent))
    readSync(fd, part, 0, part.length, sent)
    const size_bytes = await send(before + sent, part)
    const has = Math.min(Math.max(0, size_bytes - before), written)
    stalls = has > sent ? 0 : stalls + 1
    sent = stalls < mostStalls ? has : written
  }

  async function follow(): Promise<void> {
    before = await send(0, new Uint8Array())
    while (!ended || sent < written) {
      if (sent < written) await sendNext()
      if (ended || written - sent >= eager_bytes) continue
      wake = new AbortController()
      await sleep(interval_ms, undefined, { signal: wake.signal }).catch(() => {})
    }
  }

  const following = follow()
    .catch((error: unknown) => {
      ended = true
      failed.notSent(error)
      throw error
    })
    .finally(() => closeSync(fd))
  following.catch(() => {})

  return {
    path,
    write,
    say: (line) => write(Buffer.from(`== ${line}\n`)),
    async end() {
      ended = true
      wake.abort()
      await following
    },
    drop() {
      ended = true
      sent = written
      wake.abort()
    },
  }
}
