/**
 * Files by their SHA-256: `sources/` (what people give) and `incoming/` (what builders send). Written to
 * a temporary name, flushed, then renamed: a name that exists holds exactly those bytes.
 */

import { createHash } from 'node:crypto'
import { open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Config, dataPath } from './config.ts'
import type { App } from './context.ts'
import { makeFolder, moveDurably, partOf } from './durable.ts'
import { PortalError } from './errors.ts'
import { newHex } from './random.ts'

export type BlobFolder = 'sources' | 'incoming'

export interface Blob {
  sha256: string
  size_bytes: number
}

export const sha256Pattern = /^[0-9a-f]{64}$/

export function blobPath(config: Config, folder: BlobFolder, sha256: string): string {
  if (!sha256Pattern.test(sha256)) throw new PortalError('input.invalid', { field: 'sha256' })
  return dataPath(config, folder, sha256.slice(0, 2), sha256)
}

export async function hasBlob(config: Config, folder: BlobFolder, sha256: string) {
  return stat(blobPath(config, folder, sha256)).then(
    (found) => found.isFile(),
    () => false,
  )
}

/**
 * For whoever is about to rely on a file that was given before: from now on it counts as given now, so that no purge
 * that has not seen its new row takes it. @returns whether it is there
 */
export async function renewBlob(config: Config, folder: BlobFolder, sha256: string) {
  const now = new Date()
  return utimes(blobPath(config, folder, sha256), now, now).then(
    () => true,
    () => false,
  )
}

export interface Expected {
  sha256?: string | undefined
  size_bytes?: number | undefined
  max_bytes: number
}

/**
 * Keeps a stream of bytes.
 * @throws PortalError task.output-mismatch when length or digest differ from what was announced,
 *   input.too-large past `max_bytes`; nothing is kept then
 */
export async function putBlob(
  app: App,
  folder: BlobFolder,
  bytes: AsyncIterable<Uint8Array>,
  expected: Expected,
): Promise<Blob> {
  const parts = dataPath(app.config, folder, 'part')
  await makeFolder(parts)
  const part = join(parts, newHex(app.random, 32))
  try {
    const blob = await writePart(part, bytes, expected.max_bytes)
    checkExpected(blob, expected)
    const path = blobPath(app.config, folder, blob.sha256)
    await makeFolder(dirname(path))
    await moveDurably(part, path)
    return blob
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}

async function writePart(part: string, bytes: AsyncIterable<Uint8Array>, max_bytes: number) {
  const hash = createHash('sha256')
  let size_bytes = 0
  const handle = await open(part, 'wx')
  try {
    for await (const chunk of bytes) {
      size_bytes += chunk.length
      if (size_bytes > max_bytes)
        throw new PortalError('input.too-large', { params: { limit: `${max_bytes} bytes` } })
      hash.update(chunk)
      await handle.write(chunk)
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  return { sha256: hash.digest('hex'), size_bytes }
}

function checkExpected(blob: Blob, expected: Expected): void {
  const digestDiffers = expected.sha256 !== undefined && expected.sha256 !== blob.sha256
  const sizeDiffers = expected.size_bytes !== undefined && expected.size_bytes !== blob.size_bytes
  if (digestDiffers || sizeDiffers)
    throw new PortalError('task.output-mismatch', {
      field: digestDiffers ? 'sha256' : 'Content-Length',
      params: { have: `${blob.size_bytes} bytes, SHA-256 ${blob.sha256}` },
    })
}

/**
 * Removes what was given or sent long ago and nobody needs, and parts that a kill left behind.
 * @param before milliseconds since the epoch; younger files stay
 * @param needed of a digest, whether its file stays however old it is
 * @returns digests of what is gone
 */
export async function purgeBlobs(
  config: Config,
  folder: BlobFolder,
  before: number,
  needed: (sha256: string) => boolean,
): Promise<string[]> {
  const gone: string[] = []
  const top = dataPath(config, folder)
  for (const shelf of await readdir(top).catch(() => []))
    for (const name of await readdir(join(top, shelf)).catch(() => [])) {
      const path = join(top, shelf, name)
      if (needed(name)) continue
      const found = await stat(path).catch(() => undefined)
      if (!found?.isFile() || found.mtimeMs >= before) continue
      if ((await removeOld(path, before)) && sha256Pattern.test(name)) gone.push(name)
    }
  return gone
}

/**
 * Removes a file unless it was given or renewed since somebody looked: taken aside first, so that nobody can rely on it
 * between the look and the end. @returns whether it is gone
 */
async function removeOld(path: string, before: number): Promise<boolean> {
  const aside = partOf(path)
  try {
    await rename(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
  if ((await stat(aside)).mtimeMs < before) {
    await rm(aside, { force: true })
    return true
  }
  // Whoever gives the same bytes meanwhile has made the same file.
  await moveDurably(aside, path)
  return false
}
