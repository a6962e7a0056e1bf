/**
 * Where the main header of a package file lies: the bytes that a signature is of. Layout as in rpm's
 * docs/manual/format.md: lead, signature header padded to 8 bytes, header, payload. Nothing in it is looked at.
 */
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

const LEAD_BYTES = 96
const INTRO_BYTES = 16
const HEADER_MAGIC = 0x8eade801
/** As rpm bounds them (lib/header.c: hdrchkTags, hdrchkData). */
const TAGS_MAX = 0xffff
const DATA_MAX_BYTES = 0x0fffffff

export interface Extent {
  /** From the beginning of the file. */
  start: number
  size_bytes: number
}

/** Length of a header by its first 16 bytes. @throws Error when it is none */
function headerBytes(intro: Buffer): number {
  const tags = intro.readUInt32BE(8)
  const data_bytes = intro.readUInt32BE(12)
  if (intro.readUInt32BE(0) !== HEADER_MAGIC || tags > TAGS_MAX || data_bytes > DATA_MAX_BYTES)
    throw new Error('this file is no package')
  return INTRO_BYTES + 16 * tags + data_bytes
}

/** @throws Error when the file is no package */
export async function headerExtent(path: string): Promise<Extent> {
  const file = await open(path, 'r')
  try {
    const introAt = async (position: number) => {
      const { buffer, bytesRead } = await file.read(
        Buffer.alloc(INTRO_BYTES),
        0,
        INTRO_BYTES,
        position,
      )
      if (bytesRead < INTRO_BYTES) throw new Error('this file is no package')
      return buffer
    }
    const signature_bytes = headerBytes(await introAt(LEAD_BYTES))
    const start = LEAD_BYTES + Math.ceil(signature_bytes / 8) * 8
    return { start, size_bytes: headerBytes(await introAt(start)) }
  } finally {
    await file.close()
  }
}

/** SHA-256 of the bytes that a signature of the package is of. */
export async function headerDigest(path: string): Promise<string> {
  const { start, size_bytes } = await headerExtent(path)
  const file = await open(path, 'r')
  try {
    const hash = createHash('sha256')
    const stream = file.createReadStream({ start, end: start + size_bytes - 1, autoClose: false })
    for await (const chunk of stream) hash.update(chunk as Buffer)
    return hash.digest('hex')
  } finally {
    await file.close()
  }
}
