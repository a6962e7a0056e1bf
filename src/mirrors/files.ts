/**
 * Single files that mirrors were asked for by name, such as images: which mirror has which of them whole. The
 * snapshot carries them, so that every edge sends whoever downloads one to a mirror that has it.
 */
import { and, inArray, lte, notInArray } from 'drizzle-orm'
import { mirror_host, mirrored_file } from '../../db/schema/mirrors.ts'
import type { Ctx } from '../kernel/context.ts'
import type { Reader, Tx } from '../kernel/db.ts'

export interface MirroredFile {
  /** Under the tree's beginning, as under /pub. */
  path: string
  /** Names of the mirrors that have it whole; this portal always has it and is not named. */
  mirrors: readonly string[]
}

/**
 * Takes these in place of all that were known. Names of mirrors that are no more are passed over.
 * @param since when the look began; what was published after that was not looked for, and stays
 */
export async function replaceMirroredFiles(
  tx: Tx,
  ctx: Ctx,
  files: readonly MirroredFile[],
  since: number,
): Promise<void> {
  const names = [...new Set(files.flatMap(({ mirrors }) => mirrors))]
  const { id, name } = mirror_host
  const hosts = await tx.select({ id, name }).from(mirror_host).where(inArray(name, names))
  const ids = new Map(hosts.map((host) => [host.name, host.id]))
  const paths = files.map(({ path }) => path)
  const { path: known, looked_at } = mirrored_file
  await tx.delete(mirrored_file).where(and(notInArray(known, paths), lte(looked_at, since)))
  for (const { path, mirrors } of files) {
    const host_ids = mirrors.flatMap((each) => ids.get(each) ?? [])
    const row = { host_ids, looked_at: ctx.app.clock.now() }
    await tx
      .insert(mirrored_file)
      .values({ path, ...row })
      .onConflictDoUpdate({ target: mirrored_file.path, set: row })
  }
}

/** A file that was just published: so far only this portal has it. */
export async function addMirroredFile(tx: Tx, ctx: Ctx, path: string): Promise<void> {
  const row = { path, host_ids: [], looked_at: ctx.app.clock.now() }
  await tx.insert(mirrored_file).values(row).onConflictDoNothing()
}

/** All of them, by path. */
export function mirroredFiles(db: Reader) {
  return db.select().from(mirrored_file).orderBy(mirrored_file.path)
}
