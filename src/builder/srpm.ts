/** Method buildSRPM: from a source of any kind to one source package with the release's %dist. */
import { join } from 'node:path'
import { lowerLimits } from './config.ts'
import { BuildFailure } from './failure.ts'
import { fetchGit } from './git-source.ts'
import { readHeader, refuseControls, refuseMacros } from './headers.ts'
import {
  type Limits,
  readPayload,
  type SrpmPayload,
  type SrpmResult,
  srpmPayload,
} from './protocol.ts'
import { rpmMessage } from './rpm.ts'
import { fetchInput, isPlainFile, listFolder, runCommand, sendOutput, type Work } from './work.ts'

/** Parsing and packing take seconds; what takes longer is a macro that does not end. */
const limit_s = 600

/** Where the spec and its sources are, as the sandbox sees it. */
interface Layout {
  spec: string
  sources: string
}

/** @param folders inside path -> names of specs found there */
function onlySpec(folders: Record<string, string[]>): string {
  const specs = Object.entries(folders).flatMap(([folder, names]) =>
    names.map((name) => `${folder}/${name}`),
  )
  if (specs.length > 1) {
    const names = specs.map((path) => path.slice('/build/'.length)).join(', ')
    throw new BuildFailure('build.spec-several', {
      count: specs.length,
      names: names.slice(0, 500),
    })
  }
  const [spec] = specs
  if (!spec) throw new BuildFailure('build.spec-missing')
  return spec
}

function specsIn(folder: string): string[] {
  return listFolder(folder).filter(
    (name) => name.endsWith('.spec') && isPlainFile(join(folder, name)),
  )
}

async function layOutGit(
  work: Work,
  payload: SrpmPayload & { source: { kind: 'git' } },
  limits: Limits,
): Promise<Layout> {
  await fetchGit(work, payload.source, payload.dist, limits)
  const top = join(work.folder.build, 'git')
  const spec = onlySpec({
    '/build/git': specsIn(top),
    '/build/git/SPECS': specsIn(join(top, 'SPECS')),
  })
  const own = listFolder(join(top, 'SOURCES')).length > 0
  return { spec, sources: own ? '/build/git/SOURCES' : '/build/git' }
}

async function layOutFiles(
  work: Work,
  source: SrpmPayload['source'] & { kind: 'files' },
): Promise<Layout> {
  for (const file of source.files) await fetchInput(work, file.sha256, 'SOURCES', file.name)
  const sources = join(work.folder.build, 'SOURCES')
  if (!isPlainFile(join(sources, source.spec))) throw new BuildFailure('build.spec-missing')
  return { spec: `/build/SOURCES/${source.spec}`, sources: '/build/SOURCES' }
}

/** Unpacks a source package as rpm does when it installs one; in the sandbox, under its limits. */
async function layOutSrpm(
  work: Work,
  payload: SrpmPayload & { source: { kind: 'srpm' } },
  limits: Limits,
): Promise<Layout> {
  await fetchInput(work, payload.source.sha256, '', 'input.src.rpm')
  work.log.say(`unpack ${payload.source.filename}`)
  const argv = ['rpm', '--install', '--nodeps', '--nosignature', '/build/input.src.rpm']
  const end = await runCommand(work, { argv, dist: payload.dist, limits })
  if (end.exit_code !== 0)
    throw new BuildFailure('build.srpm-unreadable', { message: rpmMessage(end.output) })
  const { build } = work.folder
  const spec = onlySpec({ '/build/SPECS': specsIn(join(build, 'SPECS')) })
  const odd = listFolder(join(build, 'SOURCES')).find(
    (name) => !isPlainFile(join(build, 'SOURCES', name)),
  )
  if (odd !== undefined)
    throw new BuildFailure('build.srpm-not-plain', { filename: odd.slice(0, 200) })
  return { spec, sources: '/build/SOURCES' }
}

function layOut(work: Work, payload: SrpmPayload, limits: Limits): Promise<Layout> {
  const { source } = payload
  if (source.kind === 'git') return layOutGit(work, { ...payload, source }, limits)
  if (source.kind === 'files') return layOutFiles(work, source)
  return layOutSrpm(work, { ...payload, source }, limits)
}

/** Packs the source package. A spec that does not parse is told apart from sources that are missing. */
async function pack(
  work: Work,
  { spec, sources }: Layout,
  dist: string,
  limits: Limits,
): Promise<string> {
  const folders = ['--define', `_sourcedir ${sources}`, '--define', '_srcrpmdir /build/SRPMS']
  work.log.say(`rpmbuild -bs ${spec.slice('/build/'.length)}`)
  const built = await runCommand(work, {
    argv: ['rpmbuild', '-bs', '--nodeps', ...folders, spec],
    dist,
    limits,
  })
  if (built.exit_code !== 0) {
    const parsed = await runCommand(work, {
      argv: ['rpmspec', '--parse', ...folders, spec],
      dist,
      limits,
      quiet: true,
    })
    const code = parsed.exit_code === 0 ? 'build.srpm-failed' : 'build.spec-parse'
    throw new BuildFailure(code, { message: rpmMessage(built.output) })
  }
  const names = listFolder(join(work.folder.build, 'SRPMS'))
  if (names.some((each) => each.endsWith('.nosrc.rpm')))
    throw new BuildFailure('build.source-left-out')
  const made = names.filter((each) => each.endsWith('.src.rpm'))
  const [name] = made
  if (made.length !== 1 || !name)
    throw new BuildFailure('build.srpm-failed', { message: rpmMessage(built.output) })
  return name
}

function without(arches: string[]): string[] {
  return arches.filter((arch) => arch !== 'noarch')
}

/** @throws BuildFailure with the reason; Dropped when the work is called off */
export async function buildSrpm(work: Work): Promise<SrpmResult> {
  const payload = readPayload(srpmPayload, work.task.payload)
  const asked = lowerLimits(work.config.limits, payload.limits)
  const limits = { ...asked, time_s: Math.min(asked.time_s, limit_s) }
  work.progress('sources')
  const layout = await layOut(work, payload, limits)
  work.progress('packing')
  const filename = await pack(work, layout, payload.dist, limits)
  refuseMacros(filename)
  const header = await readHeader(work, `/build/SRPMS/${filename}`, payload.dist, limits)
  const nvr = `${header.name}-${header.version}-${header.release}`
  if (filename !== `${nvr}.src.rpm`) throw new BuildFailure('build.output-unusable', { filename })
  await refuseControls(work, [`/build/SRPMS/${filename}`], payload.dist, limits)
  work.progress('uploading')
  const output = await sendOutput(work, join(work.folder.build, 'SRPMS'), filename)
  const exclusive = without(header.exclusive_arches)
  return {
    ...{ name: header.name, epoch: header.epoch, version: header.version, release: header.release },
    arches: exclusive.length > 0 ? exclusive : null,
    exclude_arches: without(header.exclude_arches),
    noarch: header.build_arches.length === 1 && header.build_arches[0] === 'noarch',
    build_requires: header.requires,
    outputs: [output],
  }
}
