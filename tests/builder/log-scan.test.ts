/** Logs as hostile builds write them: read in bounded memory, between the builder's heartbeats. */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readLines, scanLog } from '../../src/builder/log-scan.ts'

const mib = 1024 * 1024
const folder = mkdtempSync(join(tmpdir(), 'slipway-scan-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A log of `size_bytes` of the piece, then one error. */
function logOf(piece: string, size_bytes: number): string {
  const path = join(folder, `log-${piece.charCodeAt(0)}-${piece.length}-${size_bytes}`)
  const fd = openSync(path, 'w')
  const part = Buffer.from(piece.repeat(Math.ceil(mib / piece.length)))
  for (let written = 0; written < size_bytes; written += part.length) writeSync(fd, part)
  writeSync(fd, '\nerror: the end\n')
  closeSync(fd)
  return path
}

/** Longest time that the event loop stood still. */
async function longestBlock_ms(work: () => Promise<unknown>): Promise<number> {
  let last = performance.now()
  let longest = 0
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 1)
  await work()
  longest = Math.max(longest, performance.now() - last)
  clearInterval(timer)
  return longest
}

beforeAll(() => scanLog(logOf('warm\n', 4 * mib)))

test.each([...'\r \t\n[(*_a-:\u001b', 'error: ', 'a\n', '\r\n', '*** ', '0 failed '])(
  '60 MiB of %j stop no heartbeat and show the error',
  async (piece) => {
    const path = logOf(piece, 60 * mib)
    const before = process.memoryUsage().rss
    let texts: string[] = []
    const block_ms = await longestBlock_ms(async () => {
      texts = (await scanLog(path)).highlights.map(({ text }) => text)
    })
    expect(texts.at(-1)).toBe('error: the end')
    expect(block_ms).toBeLessThan(2000)
    expect((process.memoryUsage().rss - before) / mib).toBeLessThan(200)
    rmSync(path)
  },
)

test('lines come whole and with their numbers, wherever slices end', async () => {
  const path = join(folder, 'lines')
  const lines = Array.from({ length: 5000 }, (_, n) => `${n} ${'x'.repeat((n * 37) % 900)}`)
  writeFileSync(path, lines.join('\n'))
  const seen: string[] = []
  await readLines(path, (line, text) => {
    seen[line - 1] = text
  })
  expect(seen).toEqual(lines)
})

test('of a line without end both ends are read', async () => {
  const path = join(folder, 'progress')
  writeFileSync(path, `begin${'10%\r'.repeat(mib)}error: 99%\n`)
  expect((await scanLog(path)).highlights).toEqual([{ line: 1, text: 'error: 99%' }])
})
