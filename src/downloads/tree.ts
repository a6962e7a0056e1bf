/**
 * The installable tree of one arch: each stable repository in a folder of its name with the metadata that
 * was published and signed, packages as hard links, and the files by which installers know a tree.
 */
import { copyFile, cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { App } from '../kernel/context.ts'
import type { BootDescription } from '../kernel/distribution.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { publicKey } from '../kernel/signing.ts'
import { linkOnce, publishedRoot } from '../repos/compose.ts'
import { packagesOfGeneration } from '../repos/generations.ts'
import type { GenerationRow, RepositoryRow } from '../repos/repositories.ts'
import { generationPath, packageHref } from '../repos/repository.ts'
import { digestFile, exists, storedPath } from '../repos/store.ts'
import { bootPaths } from './iso.ts'
import { renderDiscinfo, renderMediaRepo, renderTreeinfo, type TreeFacts } from './treeinfo.ts'

export interface TreePart {
  repository: RepositoryRow
  generation: GenerationRow
  /** Folder in the tree: BaseOS. */
  name: string
}

/** What a tree is made of. */
export interface TreeInput {
  version: string
  arch: string
  parts: TreePart[]
  boot: BootDescription | undefined
  source_date_s: number
}

const contentFile = (app: App, path: string) => join(app.config.content_dir, path)

/** A folder whose files come to the root of every tree: EULA, README and what else there is to say. */
const mediaFolder = (app: App) => contentFile(app, 'media')

/** Why a tree can't be made: files that the configuration names and nobody supplied. */
export async function bootFaults(app: App, boot: BootDescription | undefined): Promise<Reason[]> {
  const named = [boot?.kernel, boot?.initrd, boot?.efi, boot?.bios?.image, boot?.bios?.mbr]
  const faults: Reason[] = []
  for (const file of [...named, boot?.files])
    if (file !== undefined && !(await exists(contentFile(app, file))))
      faults.push(reason('compose.boot-missing', { file }))
  return faults
}

/** @param root an empty folder. @throws Error when metadata or packages are gone */
export async function makeTree(app: App, root: string, input: TreeInput): Promise<void> {
  for (const part of input.parts) await linkPart(app, root, part)
  const boot = input.boot && (await copyBoot(app, root, input.boot))
  if (await exists(mediaFolder(app)))
    for (const entry of await readdir(mediaFolder(app), { withFileTypes: true }))
      if (entry.isFile()) await copyFile(join(mediaFolder(app), entry.name), join(root, entry.name))
  const key = await publicKey(app)
  await writeFile(join(root, `RPM-GPG-KEY-${app.distribution.id}`), key)
  const facts = await treeFacts(app, root, input, boot)
  await writeFile(join(root, '.treeinfo'), renderTreeinfo(facts))
  await writeFile(join(root, '.discinfo'), renderDiscinfo(facts))
  await writeFile(join(root, 'media.repo'), renderMediaRepo(facts))
}

async function linkPart(app: App, root: string, part: TreePart): Promise<void> {
  const { repository, generation, name } = part
  const from = join(
    publishedRoot(app, repository),
    generationPath(generation.hashes.sha256),
    'repodata',
  )
  const repodata = join(root, name, 'repodata')
  await mkdir(repodata, { recursive: true })
  for (const file of await readdir(from)) await linkOnce(join(from, file), join(repodata, file))
  await mkdir(join(root, name, 'Packages'), { recursive: true })
  for await (const rpms of packagesOfGeneration(app.db, generation))
    for (const rpm of rpms) {
      const to = join(root, name, packageHref(rpm.filename))
      await mkdir(dirname(to), { recursive: true })
      await linkOnce(storedPath(app, rpm), to)
    }
}

/** Copies, no links: whoever edits the content folder must not change an image. */
async function copyBoot(
  app: App,
  root: string,
  boot: BootDescription,
): Promise<NonNullable<TreeFacts['boot']>> {
  const put = async (file: string | undefined, to: string) => {
    if (file === undefined) return
    await mkdir(dirname(join(root, to)), { recursive: true })
    await copyFile(contentFile(app, file), join(root, to))
  }
  if (boot.files) await cp(contentFile(app, boot.files), root, { recursive: true })
  await put(boot.kernel, bootPaths.kernel)
  await put(boot.initrd, bootPaths.initrd)
  await put(boot.efi, bootPaths.efi)
  if (boot.bios) await put(boot.bios.image, bootPaths[boot.bios.loader])
  const { kernel, initrd, efi } = bootPaths
  return { kernel, initrd, efi: boot.efi === undefined ? undefined : efi }
}

async function treeFacts(
  app: App,
  root: string,
  input: TreeInput,
  boot: TreeFacts['boot'],
): Promise<TreeFacts> {
  const loaded = boot
    ? [boot.kernel, boot.initrd, boot.efi].filter((path) => path !== undefined)
    : []
  const repomds = input.parts.map(({ name }) => `${name}/repodata/repomd.xml`)
  const checksums: Record<string, string> = {}
  for (const path of [...loaded, ...repomds]) checksums[path] = await digestFile(join(root, path))
  return {
    ...{ name: app.distribution.name, id: app.distribution.id },
    ...{ version: input.version, arch: input.arch, timestamp_s: input.source_date_s },
    ...{ variants: input.parts.map(({ name }) => name), checksums, boot },
  }
}
