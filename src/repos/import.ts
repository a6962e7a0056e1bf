/** The `importBuild` task: checks what builders sent against the packages' own headers, signs, stores, tags. */
import { stat } from 'node:fs/promises'
import type { z } from 'zod'
import { archResultSchema, importPayloadSchema, srpmResultSchema } from '../builds/build.ts'
import {
  type BuildRow,
  claimOf,
  completeBuild,
  findBuildById,
  type NewRpm,
} from '../builds/builds.ts'
import { getTarget, tagBuild } from '../builds/tags.ts'
import { blobPath, hasBlob } from '../kernel/blobs.ts'
import { dataPath } from '../kernel/config.ts'
import type { App } from '../kernel/context.ts'
import { must } from '../kernel/must.ts'
import { newHex } from '../kernel/random.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { areRpmParts, rpmFileOf } from '../kernel/rpm-name.ts'
import { claimAgainst } from '../packages/binaries.ts'
import { closed, failed, type TaskHandler, type TaskRun } from '../tasks/handler.ts'
import { childTasks } from '../tasks/tasks.ts'
import { NoPackage, type RpmHeader, readHeaders, unreadable } from './header.ts'
import { digestFile, type StoredFile, storedPath, storePackages } from './store.ts'

type Run = TaskRun<z.infer<typeof importPayloadSchema>>

export const importTask: TaskHandler<z.infer<typeof importPayloadSchema>> = {
  method: 'importBuild',
  payload: importPayloadSchema,
  async run(run) {
    const { app } = run.ctx
    const build = await findBuildById(app.db, run.payload.build_id)
    if (!build) return failed(reason('build.gone', { id: run.payload.build_id }))
    // A holder that has lost its lease may still be working in its own folder.
    const work = dataPath(app.config, 'work', `import-${run.task.id}-${newHex(app.random, 8)}`)
    const taken = await takeOutputs(run, build, work)
    if ('code' in taken) return failed(taken)
    // Asked again when they are stored; nothing of another's is signed meanwhile.
    const [not_its_own] = await claimAgainst(run.ctx, app.db, claimOf(build, binariesOf(taken)))
    if (not_its_own) return failed(not_its_own)
    await run.progress(0, taken.length, 'signing')
    await storePackages(
      app,
      taken.map(({ file }) => file),
      work,
    )
    const rpms = await describe(app, taken)
    const source = taken.find(({ header }) => header.arch === 'src')?.header
    const about = {
      summary: source?.summary.slice(0, 500) ?? '',
      description: source?.description.slice(0, 10_000) ?? '',
    }
    const target = await getTarget(app.db, build.target)
    await run.transaction(async (tx) => {
      const done = await completeBuild(tx, run.ctx, build, rpms, about)
      await tagBuild(tx, run.ctx, target.destination_tag, done)
    })
    return closed({ nvr: build.nvr, rpms: rpms.length })
  },
}

interface Taken {
  file: StoredFile
  header: RpmHeader
}

const binariesOf = (taken: Taken[]) => [
  ...new Set(taken.flatMap(({ header }) => (header.arch === 'src' ? [] : header.name))),
]

/** What the builders sent, read and judged. @returns why it can't be taken, or the packages, source first */
async function takeOutputs(run: Run, build: BuildRow, work: string): Promise<Taken[] | Reason> {
  const { app } = run.ctx
  const files = await outputsOf(run)
  for (const { filename, unsigned_sha256 } of files)
    if (!(await hasBlob(app.config, 'incoming', unsigned_sha256)))
      return reason('build.output-missing', { filename })
  const paths = files.map((file) => blobPath(app.config, 'incoming', file.unsigned_sha256))
  const headers = await readHeaders(paths, work).catch((error: unknown) => {
    if (!(error instanceof NoPackage)) throw error
    return reason('build.output-no-package', { message: error.message })
  })
  if ('code' in headers) return headers
  const taken = new Map<string, Taken>()
  for (const [at, file] of files.entries()) {
    const header = must(headers[at])
    const fault = checkHeader(build, file, header)
    if (fault) return fault
    const before = taken.get(file.filename)
    // A noarch package comes from each arch; they must have made the same, of which the first is taken.
    if (before && before.header.content !== header.content)
      return reason('build.output-differs', { filename: file.filename })
    if (!before) taken.set(file.filename, { file, header })
  }
  const [left] = await unreadable(paths, work)
  if (left !== undefined)
    return reason('build.output-unreadable', { filename: must(files[left]).filename })
  return [...taken.values()]
}

/** Outputs of the sibling tasks: the source package first, then by arch, so that the order is always the same. */
async function outputsOf(run: Run): Promise<StoredFile[]> {
  const siblings = await childTasks(run.ctx.app.db, run.task.parent_id ?? 0)
  const of = (method: string) =>
    siblings.filter((task) => task.method === method).sort((a, b) => (a.arch < b.arch ? -1 : 1))
  return [
    ...of('buildSRPM').flatMap((task) => srpmResultSchema.parse(task.result).outputs.map(stored)),
    ...of('buildArch').flatMap((task) => archResultSchema.parse(task.result).rpms.map(stored)),
  ]
}

const stored = (output: { filename: string; sha256: string }): StoredFile => ({
  filename: output.filename,
  unsigned_sha256: output.sha256,
})

/** @returns why a package that says this of itself can't be part of the build */
function checkHeader(build: BuildRow, file: StoredFile, header: RpmHeader): Reason | undefined {
  const { filename } = file
  const says = rpmFileOf(header)
  if (says !== filename || !areRpmParts(header))
    return reason('build.output-name', { filename, says })
  const source = `${build.nvr}.src.rpm`
  const claims = header.arch === 'src' ? filename : header.sourcerpm
  return claims === source ? undefined : reason('build.output-source', { filename, claims, source })
}

async function describe(app: App, taken: Taken[]): Promise<NewRpm[]> {
  const rpms: NewRpm[] = []
  for (const { file, header } of taken) {
    const path = storedPath(app, file)
    const { name, epoch, version, release, arch } = header
    const { size } = await stat(path)
    const sha256 = await digestFile(path)
    rpms.push({ ...file, name, epoch, version, release, arch, sha256, size_bytes: size })
  }
  return rpms
}
