/** Method buildArch: from a source package to the binary packages of one architecture. */
import { join } from 'node:path'
import { isRpmArch, rpmFileOf } from '../kernel/rpm-name.ts'
import { lowerLimits } from './config.ts'
import { hostCommand, lookForRequirements } from './drivers/host.ts'
import { runMock } from './drivers/mock.ts'
import { BuildFailure } from './failure.ts'
import { readHeader, refuseControls } from './headers.ts'
import {
  type ArchPayload,
  type ArchResult,
  archPayload,
  type Limits,
  readPayload,
} from './protocol.ts'
import { toolVersions } from './tools.ts'
import {
  assertUsable,
  fetchInput,
  listFolder,
  mostNames,
  runCommand,
  sendOutput,
  type Work,
} from './work.ts'

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
  const found: { folder: string; name: string }[] = []
  for (const folder of ['', ...listFolder(rpms).filter(isRpmArch)]) {
    for (const name of listFolder(join(rpms, folder)))
      if (name.endsWith('.rpm') && !name.endsWith('.src.rpm')) found.push({ folder, name })
    if (found.length > mostNames)
      throw new BuildFailure('build.too-many-files', { limit: mostNames })
  }
  return found
}

async function collect(
  work: Work,
  payload: ArchPayload,
  limits: Limits,
): Promise<ArchResult['rpms']> {
  const top = join(work.folder.build, 'RPMS')
  const found = findPackages(top)
  if (found.length === 0) throw new BuildFailure('build.no-packages')
  for (const { folder, name } of found) assertUsable(join(top, folder), name)
  const inSandbox = found.map(({ folder, name }) => join('/build/RPMS', folder, name))
  for (let at = 0; at < inSandbox.length; at += 500)
    await refuseControls(work, inSandbox.slice(at, at + 500), payload.dist, limits)
  const rpms: ArchResult['rpms'] = []
  for (const { folder, name } of found) {
    const header = await readHeader(work, join('/build/RPMS', folder, name), payload.dist, limits)
    const { epoch, version, release, arch } = header
    if (name !== rpmFileOf({ name: header.name, version, release, arch })) {
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
  const payload = readPayload(archPayload, work.task.payload)
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
