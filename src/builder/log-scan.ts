/**
 * Reads a task's log once, in slices, and hands its lines on. Whatever a build has written, the builder
 * goes on beating between slices and holds one slice in memory.
 */
import { createReadStream, statSync } from 'node:fs'
import { createHighlighter } from './highlights.ts'
import type { Highlight } from './protocol.ts'
import { createRequirementFinder } from './requirements.ts'

const slice_bytes = 64 * 1024
/** What is kept of a line's begin, and of its end: what follows the last return of a progress bar. */
const end_bytes = 8 * 1024
/** Lines are judged in the first and in the last part of a log; between them they are only counted. */
const head_bytes = 1024 * 1024
const tail_bytes = 7 * 1024 * 1024

const LF = 10

/** Puts slices together to lines. `take` gets each that is not empty, with its number, from 1. */
function lineReader(take: (line: number, text: string) => void) {
  let line = 1
  let begin = Buffer.alloc(0)
  let end = Buffer.alloc(0)

  function keep(part: Buffer): void {
    const room = end_bytes - begin.length
    if (room > 0) begin = Buffer.concat([begin, part.subarray(0, room)])
    const rest = part.subarray(Math.max(0, room))
    if (rest.length > 0) end = Buffer.concat([end, rest]).subarray(-end_bytes)
  }

  function finish(bytes: Buffer, from: number, to: number): void {
    if (begin.length === 0 && to - from <= end_bytes) {
      if (to > from) take(line, bytes.toString('utf8', from, to))
    } else {
      keep(bytes.subarray(from, to))
      take(line, Buffer.concat([begin, end]).toString('utf8'))
      begin = Buffer.alloc(0)
      end = Buffer.alloc(0)
    }
    line += 1
  }

  return {
    judge(bytes: Buffer): void {
      let from = 0
      for (let to = bytes.indexOf(LF); to >= 0; to = bytes.indexOf(LF, from)) {
        finish(bytes, from, to)
        from = to + 1
      }
      keep(bytes.subarray(from))
    },
    /** Counts lines that are not handed on. */
    pass(bytes: Buffer): void {
      begin = Buffer.alloc(0)
      end = Buffer.alloc(0)
      for (const byte of bytes) if (byte === LF) line += 1
    },
    close: () => finish(Buffer.alloc(0), 0, 0),
  }
}

/** @param path a log file that nobody writes any more */
export async function readLines(
  path: string,
  take: (line: number, text: string) => void,
): Promise<void> {
  const { size } = statSync(path)
  const reader = lineReader(take)
  let offset = 0
  for await (const chunk of createReadStream(path, { highWaterMark: slice_bytes })) {
    const bytes = chunk as Buffer
    const judged = offset < head_bytes || offset + bytes.length > size - tail_bytes
    if (judged) reader.judge(bytes)
    else reader.pass(bytes)
    offset += bytes.length
    // A stream whose data is at hand goes on without a turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
  }
  reader.close()
}

export interface LogFindings {
  highlights: Highlight[]
  missing_requirements: string[]
}

/** What a failed build's log says of the failure. */
export async function scanLog(path: string): Promise<LogFindings> {
  const highlighter = createHighlighter()
  const requirements = createRequirementFinder()
  await readLines(path, (line, text) => {
    highlighter.take(line, text)
    requirements.take(text)
  })
  return { highlights: highlighter.result(), missing_requirements: requirements.result() }
}
