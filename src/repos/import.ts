/** The `importBuild` task: checks what builders sent against the packages' own headers, signs, stores, tags. */
import { stat } from 'node:fs/promises'
import type { z } from 'zod'
import { archResultSchema, importPayloadSchema, srpmResultSchema } from '../builds/build.ts'
import { type BuildRow, completeBuild, findBuildById, type NewRpm } from '../builds/builds.ts'
import { getTarget, tagBuild } from '../builds/tags.ts'
import { blobPath, hasBlob } from '../kernel/blobs.ts'
import { dataPath } from '../kernel/config.ts'
import type { App } from '../kernel/context.ts'
import { reason } from '../kernel/reason.ts'
import { closed, failed, type TaskHandler, type TaskRun } from '../tasks/handler.ts'
import { childTasks } from '../tasks/tasks.ts'
import { type RpmHeader, readHeader, rpmFilename } from './header.ts'
import { digestFile, type StoredFile, storedPath, storePackages } from './store.ts'

type Run = TaskRun<z.infer<typeof importPayloadSchema>>

export const importTask: TaskHandler<z.infer<typeof importPayloadSchema>> = {
  method: 'importBuild',
  payload: importPayloadSchema,
  async run(run) {
    const { app } = run.ctx
    const build = await findBuildById(app.db, run.payload.build_id)
    if (!build) return failed(reason('build.gone', { id: run.payload.build_id }))
    const files = await outputsOf(run)
    const headers: RpmHeader[] = []
    for (const file of files) {
      const fault = await checkFile(app, build, file, headers)
      if (fault) return failed(fault)
    }
    await run.progress(0, files.length, 'signing')
    await storePackages(app, files, dataPath(app.config, 'work', `import-${run.task.id}`))
    const rpms = await describe(app, files, headers)
    const source = headers.find((header) => header.arch === 'src')
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

/** Outputs of the sibling tasks: the source package first. */
async function outputsOf(run: Run): Promise<StoredFile[]> {
  const siblings = await childTasks(run.ctx.app.db, run.task.parent_id ?? 0)
  const files: StoredFile[] = []
  for (const task of siblings) {
    if (task.method === 'buildSRPM')
      files.unshift(...srpmResultSchema.parse(task.result).outputs.map(stored))
    if (task.method === 'buildArch')
      files.push(...archResultSchema.parse(task.result).rpms.map(stored))
  }
  return files
}

const stored = (output: { filename: string; sha256: string }): StoredFile => ({
  filename: output.filename,
  unsigned_sha256: output.sha256,
})

/** Reads a file's header into `headers`. @returns why the file can't be taken */
async function checkFile(app: App, build: BuildRow, file: StoredFile, headers: RpmHeader[]) {
  const { filename } = file
  if (!(await hasBlob(app.config, 'incoming', file.unsigned_sha256)))
    return reason('build.output-missing', { filename })
  const header = await readHeader(blobPath(app.config, 'incoming', file.unsigned_sha256))
  headers.push(header)
  if (rpmFilename(header) !== filename)
    return reason('build.output-name', { filename, says: rpmFilename(header) })
  const source = `${build.nvr}.src.rpm`
  const claims = header.arch === 'src' ? filename : header.sourcerpm
  return claims === source ? undefined : reason('build.output-source', { filename, claims, source })
}

async function describe(app: App, files: StoredFile[], headers: RpmHeader[]): Promise<NewRpm[]> {
  const rpms: NewRpm[] = []
  for (const [at, file] of files.entries()) {
    const header = headers[at]
    if (!header) continue
    const path = storedPath(app, file)
    const { name, epoch, version, release, arch } = header
    const { size } = await stat(path)
    const sha256 = await digestFile(path)
    rpms.push({ ...file, name, epoch, version, release, arch, sha256, size_bytes: size })
  }
  return rpms
}
