/** Logs of tasks: one file each, appended while the task runs, read while it grows. */
import { mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { dataPath } from '../kernel/config.ts'
import type { App } from '../kernel/context.ts'
import { PortalError } from '../kernel/errors.ts'

/** A log past this is cut, with a line that says so; builders have a limit of their own below it. */
export const MAX_LOG_BYTES = 64 * 1024 * 1024

const CUT_NOTE = '\n[The log is cut here: it is larger than 64 MiB.]\n'

export function logFile(app: App, task_id: number): string {
  return dataPath(app.config, 'logs', `${task_id}.log`)
}

/** Size in bytes, 0 where there is no log yet. */
export async function logSize(app: App, task_id: number): Promise<number> {
  return stat(logFile(app, task_id)).then(
    (found) => found.size,
    () => 0,
  )
}

/**
 * Writes bytes at an offset. What is there already is skipped, so a sender may repeat itself.
 * @returns the log's size afterwards
 * @throws PortalError task.log-gap when the offset is past the end, with the size to go on from
 */
export async function writeLog(
  app: App,
  task_id: number,
  offset: number,
  bytes: Uint8Array,
): Promise<number> {
  const file = logFile(app, task_id)
  await mkdir(dirname(file), { recursive: true })
  const handle = await open(file, 'a')
  try {
    const { size } = await handle.stat()
    if (offset > size) throw new PortalError('task.log-gap', { params: { size_bytes: size } })
    if (size >= MAX_LOG_BYTES) return size
    const fresh = bytes.subarray(size - offset)
    if (fresh.length === 0) return size
    const room = MAX_LOG_BYTES - size
    await handle.appendFile(fresh.subarray(0, room))
    if (fresh.length > room) await handle.appendFile(CUT_NOTE)
    return size + fresh.length
  } finally {
    await handle.close()
  }
}

/** Adds a line to a task's own log. */
export async function logLine(app: App, task_id: number, line: string): Promise<void> {
  const file = logFile(app, task_id)
  await mkdir(dirname(file), { recursive: true })
  const handle = await open(file, 'a')
  try {
    await handle.appendFile(`${line}\n`)
  } finally {
    await handle.close()
  }
}

/** Bytes from an offset; a negative offset counts from the end. */
export async function readLog(
  app: App,
  task_id: number,
  offset: number,
  limit_bytes: number,
): Promise<{ offset: number; size_bytes: number; text: string }> {
  const size = await logSize(app, task_id)
  const start = offset < 0 ? Math.max(0, size + offset) : Math.min(offset, size)
  const length = Math.min(limit_bytes, size - start)
  if (length === 0) return { offset: start, size_bytes: size, text: '' }
  const handle = await open(logFile(app, task_id), 'r')
  try {
    const buffer = Buffer.alloc(length)
    const { bytesRead } = await handle.read(buffer, 0, length, start)
    return { offset: start, size_bytes: size, text: buffer.subarray(0, bytesRead).toString('utf8') }
  } finally {
    await handle.close()
  }
}
