/** Digests of a file, the whole and its pieces, in one reading. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pieceLength } from './metalink4.ts'

export interface Measured {
  size_bytes: number
  sha256: string
  pieces: { length_bytes: number; sha256: string[] }
}

export async function measureFile(file: string): Promise<Measured> {
  const { size } = await stat(file)
  const length_bytes = pieceLength(size)
  const whole = createHash('sha256')
  const pieces: string[] = []
  let piece = createHash('sha256')
  let room = length_bytes
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
    let rest = chunk as Buffer
    whole.update(rest)
    while (rest.length > 0) {
      const part = rest.subarray(0, room)
      piece.update(part)
      room -= part.length
      rest = rest.subarray(part.length)
      if (room > 0) continue
      pieces.push(piece.digest('hex'))
      piece = createHash('sha256')
      room = length_bytes
    }
  }
  if (room < length_bytes) pieces.push(piece.digest('hex'))
  return { size_bytes: size, sha256: whole.digest('hex'), pieces: { length_bytes, sha256: pieces } }
}
