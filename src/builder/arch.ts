/** Method buildArch: from a source package to the binary packages of one architecture. */
import { join } from 'node:path'
import { lowerLimits } from './config.ts'
import { hostCommand, lookForRequirements } from './drivers/host.ts'
import { runMock } from './drivers/mock.ts'
import { BuildFailure } from './failure.ts'
import { type ArchPayload, type ArchResult, archPayload, type Limits } from './protocol.ts'
import { readHeader } from './srpm.ts'
import { toolVersions } from './tools.ts'
import { fetchInput, listFolder, runCommand, sendOutput, type Work } from './work.ts'

const srpmName = 'input.src.rpm'

/** @returns requirements that could not be checked */
async function buildOnHost(work: Work, payload: ArchPayload, limits: Limits): Promise<string[]> {
  const { dist } = payload
  const header = await readHeader(work, `/build/${srpmName}`, dist, limits)
  const { found, unverified } = lookForRequirements(header.requires)
  if (found.length > 0) work.log.say(`BuildRequires found on this host: ${found.join(', ')}`)
  if (unverified.length > 0)
    work.log.say(`BuildRequires not verified by driver host: ${unverified.join(', ')}`)
  work.log.say(`rpmbuild --rebuild ${payload.srpm.filename}, target ${payload.arch}`)
  const argv = hostCommand(`/build/${srpmName}`, payload.arch)
  const end = await runCommand(work, { argv, dist, limits })
  if (end.exit_code !== 0)
    throw new BuildFailure('build.rpmbuild-failed', { exit_code: end.exit_code })
  return unverified
}

async function buildWithMock(work: Work, payload: ArchPayload, limits: Limits): Promise<string[]> {
  const exit_code = await runMock(work, payload, join(work.folder.build, srpmName), limits)
  if (exit_code !== 0) throw new BuildFailure('build.mock-failed', { exit_code })
  return []
}

/** Binary packages below RPMS/ (rpmbuild: a folder an architecture; mock: all in one). */
function findPackages(rpms: string): { folder: string; name: string }[] {
  const folders = ['', ...listFolder(rpms)]
  return folders.flatMap((folder) =>
    listFolder(join(rpms, folder))
      .filter((name) => name.endsWith('.rpm') && !name.endsWith('.src.rpm'))
      .map((name) => ({ folder, name })),
  )
}

async function collect(
  work: Work,
  payload: ArchPayload,
  limits: Limits,
): Promise<ArchResult['rpms']> {
  const top = join(work.folder.build, 'RPMS')
  const found = findPackages(top)
  if (found.length === 0) throw new BuildFailure('build.no-packages')
  const rpms: ArchResult['rpms'] = []
  for (const { folder, name } of found) {
    const header = await readHeader(work, join('/build/RPMS', folder, name), payload.dist, limits)
    const { epoch, version, release, arch } = header
    if (name !== `${header.name}-${version}-${release}.${arch}.rpm`) {
      throw new BuildFailure('build.output-unusable', { filename: name.slice(0, 200) })
    }
    if (arch !== payload.arch && arch !== 'noarch') {
      throw new BuildFailure('build.arch-unexpected', {
        filename: name,
        arch,
        expected: payload.arch,
      })
    }
    const output = await sendOutput(work, join(top, folder), name)
    rpms.push({ ...output, name: header.name, epoch, version, release, arch })
  }
  return rpms
}

/** @throws BuildFailure with the reason; Dropped when the work is called off */
export async function buildArch(work: Work): Promise<ArchResult> {
  const payload = archPayload.parse(work.task.payload)
  const limits = lowerLimits(work.config.limits, payload.limits)
  work.progress('sources')
  await fetchInput(work, payload.srpm.sha256, '', srpmName)
  work.progress('building')
  const build = payload.driver === 'mock' ? buildWithMock : buildOnHost
  const unverified_build_requires = await build(work, payload, limits)
  work.progress('uploading')
  const rpms = await collect(work, payload, limits)
  return { rpms, host: await toolVersions(), unverified_build_requires }
}
