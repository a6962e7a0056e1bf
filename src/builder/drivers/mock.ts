/**
 * Driver `mock`: a chroot from the build tag's repositories (https://rpm-software-management.github.io/mock/).
 * mock brings its own isolation (namespaces, its own user), so it does not run in our sandbox.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BuildFailure, Dropped } from '../failure.ts'
import type { ArchPayload, Distributor, Limits } from '../protocol.ts'
import { limitReason } from '../watch.ts'
import type { Work } from '../work.ts'

/** A Python string literal; JSON's are valid Python once they are ASCII. */
function pythonString(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** dnf.conf is an ini file: a value ends at its line. */
const iniValue = (text: string) => text.replace(/[\r\n]+/g, ' ').trim()

function dnfConfig(repos: ArchPayload['repos']): string {
  const main = [
    '[main]',
    'keepcache=1',
    'assumeyes=1',
    'gpgcheck=0',
    'install_weak_deps=0',
    'metadata_expire=0',
    'best=1',
  ]
  const sections = repos.flatMap(({ id, baseurl }) => [
    ...['', `[${id}]`, `name=${id}`, `baseurl=${iniValue(baseurl)}`, 'enabled=1'],
    // The build tag's repository is read over the builder's own connection to its portal.
    ...['gpgcheck=0', 'skip_if_unavailable=0'],
  ])
  return [...main, ...sections, ''].join('\n')
}

/** @returns text of the file for `mock --root` */
export function mockConfig(
  task: Pick<ArchPayload, 'arch' | 'dist' | 'repos'>,
  root: string,
  from: Distributor,
): string {
  const options: Record<string, string> = {
    root: pythonString(root),
    target_arch: pythonString(task.arch),
    legal_host_arches: `(${pythonString(task.arch)},)`,
    dist: pythonString(task.dist.replace(/^\./, '')),
    chroot_setup_cmd: pythonString('install @buildsys-build'),
    package_manager: pythonString('dnf'),
    rpmbuild_networking: 'False',
    use_host_resolv: 'False',
    'dnf.conf': pythonString(dnfConfig(task.repos)),
  }
  const lines = Object.entries(options).map(
    ([name, value]) => `config_opts[${pythonString(name)}] = ${value}`,
  )
  const macros = {
    '%dist': task.dist,
    '%_buildhost': from.build_host,
    ...(from.vendor !== '' && { '%vendor': from.vendor }),
    ...(from.packager !== '' && { '%packager': from.packager }),
  }
  const set = Object.entries(macros).map(
    ([name, value]) => `config_opts['macros'][${pythonString(name)}] = ${pythonString(value)}`,
  )
  return [...lines, ...set, ''].join('\n')
}

/** @param config path of the configuration; its folder is mock's configuration folder */
export function mockCommand(
  config: string,
  srpm: string,
  results: string,
  timeout_s: number,
): string[] {
  return [
    ...['mock', '--root', config, '--rebuild', srpm, '--resultdir', results],
    ...['--rpmbuild_timeout', String(timeout_s), '--verbose'],
  ]
}

/**
 * Runs mock with the limits it can keep: time and log size. Memory, processes and disk are those of
 * the unit that the builder runs in. Ends mock's whole process group.
 * @returns mock's exit status
 * @throws BuildFailure when it exceeds a limit; Dropped when the work is called off
 */
export async function runMock(
  work: Work,
  payload: ArchPayload,
  srpm: string,
  limits: Limits,
): Promise<number> {
  const config = join(work.folder.path, 'slipway.cfg')
  const results = join(work.folder.build, 'RPMS')
  mkdirSync(results, { recursive: true })
  // mock keeps a chroot by the root's name; one a task, removed with it.
  writeFileSync(
    config,
    mockConfig(payload, `slipway-${work.task.id}-${payload.arch}`, work.distribution),
  )
  const [command = '', ...rest] = mockCommand(config, srpm, results, limits.time_s)
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let failure: Error | undefined
  const stop = (why: Error) => {
    failure ??= why
    if (child.pid) process.kill(-child.pid, 'SIGTERM')
  }
  const exceed = (limit: 'time_s' | 'log_bytes') => {
    const { code, params } = limitReason(limit, limits)
    stop(new BuildFailure(code, params))
  }
  let size_bytes = 0
  const take = (chunk: Buffer) => {
    size_bytes += chunk.length
    if (size_bytes > limits.log_bytes) exceed('log_bytes')
    else work.log.write(chunk)
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const timer = setTimeout(() => exceed('time_s'), limits.time_s * 1000)
  const abort = () => stop(new Dropped('called off'))
  work.signal.addEventListener('abort', abort, { once: true })
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => (failure ? reject(failure) : resolve(code ?? 128)))
    })
  } finally {
    clearTimeout(timer)
    work.signal.removeEventListener('abort', abort)
  }
}
