/**
 * The package store: every package once, signed, never changed. The place of a package is named after
 * the digest of what the builder sent, so signing it twice cannot leave two.
 */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, mkdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { blobPath } from '../kernel/blobs.ts'
import { dataPath } from '../kernel/config.ts'
import type { App } from '../kernel/context.ts'
import { flush, makeFolder, moveDurably } from '../kernel/durable.ts'
import { inside } from '../kernel/inside.ts'
import { signPackages } from './sign.ts'

export interface StoredFile {
  filename: string
  unsigned_sha256: string
}

/** Where a package is, once it is stored. */
export function storedPath(app: App, file: StoredFile): string {
  const { unsigned_sha256: sha256, filename } = file
  return inside(dataPath(app.config, 'packages', sha256.slice(0, 2), sha256), filename)
}

export const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

/** Hexadecimal digest of a file. */
export async function digestFile(path: string, algorithm = 'sha256'): Promise<string> {
  const hash = createHash(algorithm)
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/**
 * Signs what came from a builder and puts it into the store. What is there already stays as it is.
 * @param files each file name once
 * @param work folder for this call alone; removed at the end
 * @throws Error when a blob is not what its name says: nothing of it is signed
 */
export async function storePackages(app: App, files: StoredFile[], work: string): Promise<void> {
  const missing: StoredFile[] = []
  for (const file of files) if (!(await exists(storedPath(app, file)))) missing.push(file)
  if (missing.length === 0) return
  await rm(work, { recursive: true, force: true })
  const folder = join(work, 'packages')
  await mkdir(folder, { recursive: true })
  try {
    for (const file of missing) await takeCopy(app, file, join(folder, file.filename))
    await signPackages(app, work, folder)
    for (const file of missing) await place(join(folder, file.filename), storedPath(app, file))
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Bytes that are not those of their digest would stand under it for ever. */
async function takeCopy(app: App, file: StoredFile, to: string): Promise<void> {
  await copyFile(blobPath(app.config, 'incoming', file.unsigned_sha256), to)
  if ((await digestFile(to)) !== file.unsigned_sha256)
    throw new Error(`${file.filename} is not what the builder sent: its bytes have changed on disk`)
}

async function place(from: string, to: string): Promise<void> {
  await flush(from)
  await makeFolder(dirname(to))
  await moveDurably(from, to)
}
