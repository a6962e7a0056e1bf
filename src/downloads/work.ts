/** What the compose task does for one arch: tree, image, description, check. Each may be done again. */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describeRelease } from '../distribution/releases.ts'
import type { App } from '../kernel/context.ts'
import { hasTool } from '../kernel/tools.ts'
import { publishedRoot } from '../repos/compose.ts'
import { generationsWithRepositories } from '../repos/generations.ts'
import { generationPath } from '../repos/repository.ts'
import { exists } from '../repos/store.ts'
import type { TaskRun } from '../tasks/handler.ts'
import { describeImage } from './describe.ts'
import { imageNames } from './image.ts'
import {
  extractFromIso,
  IMPLANT_MIN_BYTES,
  implantChecksum,
  listIso,
  makeIso,
  verifyImplanted,
} from './iso.ts'
import { makeOnce, stagePath } from './places.ts'
import type { ComposeRow } from './queries.ts'
import { makeTree, type TreePart } from './tree.ts'

type Run = TaskRun<unknown>

/** The repositories that a compose was begun with, each with whether its metadata is still there. */
export async function partsOf(app: App, row: ComposeRow) {
  const about = describeRelease(app, row.release)
  const found = await generationsWithRepositories(app.db, row.generation_ids)
  const parts: (TreePart & { present: boolean })[] = []
  // In the order of the release's description: the first is the main one.
  for (const { name } of about.repositories)
    for (const { repository, generation } of found) {
      if (repository.path.split('/').at(-3) !== name) continue
      const folder = join(publishedRoot(app, repository), generationPath(generation.hashes.sha256))
      parts.push({ repository, generation, name, present: await exists(folder) })
    }
  return parts
}

/** All that the steps of one arch need to know. */
async function subject(run: Run, row: ComposeRow, arch: string) {
  const { app } = run.ctx
  const release = describeRelease(app, row.release)
  const label = row.label ?? ''
  const parts = (await partsOf(app, row)).filter(({ repository }) => repository.arch === arch)
  return {
    ...{ app, release, label, parts },
    stage: stagePath(app, row.id, arch),
    names: imageNames(app.distribution.id, release.version, arch, label),
    boot: release.boot.find((each) => each.arch === arch),
    packages: parts.reduce((sum, { generation }) => sum + generation.packages, 0),
  }
}

/** @returns a line for the log, as the others do */
export async function treeArch(run: Run, row: ComposeRow, arch: string): Promise<string> {
  const { app, release, stage, parts, boot, packages } = await subject(run, row, arch)
  const { source_date_s } = row
  await makeOnce(app, stage, 'tree', async (part) => {
    await mkdir(part)
    await makeTree(app, part, { version: release.version, arch, parts, boot, source_date_s })
  })
  return `${packages} packages in ${parts.map(({ name }) => name).join(', ')}`
}

export async function imageArch(run: Run, row: ComposeRow, arch: string): Promise<string> {
  const { app, stage, names, boot } = await subject(run, row, arch)
  const mbr = boot?.bios?.mbr && join(app.config.content_dir, boot.bios.mbr)
  const { volume_id, filename } = names
  await makeOnce(app, stage, join('images', filename), async (out) => {
    const { source_date_s } = row
    await makeIso(
      { tree: join(stage, 'tree'), out, volume_id, boot, mbr, source_date_s },
      run.signal,
    )
    if (await mayCarrySum(out, 'implantisomd5')) await implantChecksum(out, run.signal)
  })
  return `${filename}, ${(await stat(join(stage, 'images', filename))).size} bytes`
}

/** Whether an image has its sum in itself: not where the tool is missing, and not a tiny one. */
async function mayCarrySum(iso: string, tool: Parameters<typeof hasTool>[0]): Promise<boolean> {
  return (await hasTool(tool)) && (await stat(iso)).size >= IMPLANT_MIN_BYTES
}

export async function describeArch(run: Run, row: ComposeRow, arch: string) {
  const { app, release, stage, names, label, packages } = await subject(run, row, arch)
  const about = {
    ...{ release, arch, label, names, packages },
    source_date_s: row.source_date_s,
    made_at: app.clock.now(),
    notes: row.notes.filter(({ params }) => params.arch === undefined || params.arch === arch),
    has_md5: await mayCarrySum(join(stage, 'images', names.filename), 'checkisomd5'),
  }
  return { names, facts: await describeImage(app, stage, about, run.signal) }
}

/** Reads the image back: every package is in it, its metadata is what was published, its sums are right. */
export async function checkArch(run: Run, row: ComposeRow, arch: string): Promise<string> {
  const { app, stage, names, parts, packages } = await subject(run, row, arch)
  const iso = join(stage, 'images', names.filename)
  if (!(await exists(iso))) return 'published already'
  const files = await listIso(iso, run.signal)
  const rpms = files.filter((file) => file.endsWith('.rpm')).length
  if (rpms !== packages) throw new Error(`${names.filename} holds ${rpms} of ${packages} packages`)
  for (const { name, generation, repository } of parts) {
    const digest = await digestIn(app, iso, `/${name}/repodata/repomd.xml`, stage, run.signal)
    if (digest !== generation.hashes.sha256)
      throw new Error(`${names.filename} holds other metadata than ${repository.path}`)
  }
  if (await mayCarrySum(iso, 'checkisomd5')) await verifyImplanted(iso, run.signal)
  return `${files.length} files read back`
}

async function digestIn(app: App, iso: string, path: string, stage: string, signal: AbortSignal) {
  const to = join(stage, `read-back-${Buffer.from(app.random.bytes(6)).toString('hex')}`)
  await extractFromIso(iso, path, to, signal)
  const digest = createHash('sha256')
    .update(await readFile(to))
    .digest('hex')
  await rm(to)
  return digest
}
