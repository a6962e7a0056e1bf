/**
 * The package store: every package once, signed, never changed. The place of a package is named after
 * the digest of what the builder sent, so signing it twice cannot leave two.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { blobPath } from '../kernel/blobs.ts'
import { dataPath } from '../kernel/config.ts'
import type { App } from '../kernel/context.ts'
import { signPackages } from '../kernel/signing.ts'

export interface StoredFile {
  filename: string
  unsigned_sha256: string
}

/** Where a package is, once it is stored. */
export function storedPath(app: App, file: StoredFile): string {
  const { unsigned_sha256: sha256, filename } = file
  return dataPath(app.config, 'packages', sha256.slice(0, 2), sha256, filename)
}

export const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

/** Flushes a file's bytes, or a folder's names, to disk. */
export async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Hexadecimal digest of a file. */
export async function digestFile(path: string, algorithm = 'sha256'): Promise<string> {
  const hash = createHash(algorithm)
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/**
 * Signs what came from a builder and puts it into the store. What is there already stays as it is.
 * @param work folder for this call alone; removed at the end
 */
export async function storePackages(app: App, files: StoredFile[], work: string): Promise<void> {
  const missing: StoredFile[] = []
  for (const file of files) if (!(await exists(storedPath(app, file)))) missing.push(file)
  if (missing.length === 0) return
  await rm(work, { recursive: true, force: true })
  await mkdir(work, { recursive: true })
  try {
    const copies = missing.map((file) => join(work, file.filename))
    for (const [at, file] of missing.entries())
      await copyFile(blobPath(app.config, 'incoming', file.unsigned_sha256), copies[at] ?? '')
    await signPackages(app, copies)
    for (const [at, file] of missing.entries()) await place(copies[at] ?? '', storedPath(app, file))
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function place(from: string, to: string): Promise<void> {
  await flush(from)
  await mkdir(join(to, '..'), { recursive: true })
  await rename(from, to)
  await flush(join(to, '..'))
}
