/** What a method needs to do its task: its folder, its log, its sandbox and the way to the portal. */
import { createHash } from 'node:crypto'
import {
  chownSync,
  closeSync,
  constants,
  createReadStream,
  lstatSync,
  opendirSync,
  openSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { inside } from '../kernel/inside.ts'
import type { Reason } from '../kernel/reason.ts'
import { isRpmFile } from '../kernel/rpm-name.ts'
import type { Client } from './client.ts'
import type { BuilderConfig } from './config.ts'
import { BuilderFault, BuildFailure, Dropped } from './failure.ts'
import { missingMacros } from './macro-file.ts'
import type { ClaimedTask, Distributor, Limits, Output } from './protocol.ts'
import { rpmMacros } from './rpm.ts'
import { type Identity, runInSandbox, type SandboxEnd } from './sandbox.ts'
import type { TaskFolder } from './scratch.ts'
import type { TaskLog } from './task-log.ts'
import { isInstalled } from './tools.ts'

const captured_bytes = 1024 * 1024

export interface Work {
  config: BuilderConfig
  client: Client
  task: ClaimedTask
  folder: TaskFolder
  identity: Identity | undefined
  log: TaskLog
  /** Aborted when the lease is lost, the task cancelled, its time over or the builder stops. */
  signal: AbortSignal
  /** Who packages say they come from. */
  distribution: Distributor
  /** The reason when its time is over. */
  overtime: Reason
  progress: (words: string) => void
}

export interface Command {
  argv: string[]
  dist: string
  limits: Limits
  network?: boolean
  env?: Record<string, string>
  /** Keeps what the command prints on stdout out of the log. */
  quiet?: boolean
  /** Gets stdout as it comes, all of it. */
  onStdout?: (chunk: Buffer) => void
}

export interface CommandEnd extends SandboxEnd {
  stdout: string
  /** stdout and stderr as they came. Both are cut at 1 MiB. */
  output: string
}

const passwd = 'root:x:0:0:root:/root:/sbin/nologin\nbuilder:x:1000:1000:builder:/build:/bin/sh\n'
const group = 'root:x:0:\nbuilder:x:1000:\n'
const hosts = '127.0.0.1 localhost builder\n::1 localhost builder\n'

/** Writes the sandbox's own /etc beside the build folder, where the build cannot reach it. */
async function writeEtc(
  folder: string,
  dist: string,
  distribution: Distributor,
): Promise<Record<string, string>> {
  const contents = {
    '/etc/passwd': passwd,
    '/etc/group': group,
    '/etc/hosts': hosts,
    '/etc/rpm/macros.slipway': (await missingMacros()) + rpmMacros(dist, distribution),
  }
  return Object.fromEntries(
    Object.entries(contents).map(([inside, content]) => {
      const outside = join(folder, inside.slice(1).replaceAll('/', '-'))
      writeFileSync(outside, content, { mode: 0o644 })
      return [inside, outside]
    }),
  )
}

/** A capture that keeps the first MiB. */
function keep() {
  const chunks: Buffer[] = []
  let size_bytes = 0
  return {
    add(chunk: Buffer) {
      if (size_bytes >= captured_bytes) return
      size_bytes += chunk.length
      chunks.push(Buffer.from(chunk))
    },
    text: () => Buffer.concat(chunks).toString('utf8'),
  }
}

/**
 * Runs a command in the task's sandbox, its output in the log.
 * @throws BuildFailure when it exceeds a limit; Dropped when the work is called off
 */
export async function runCommand(work: Work, command: Command): Promise<CommandEnd> {
  const stdout = keep()
  const output = keep()
  const end = await runInSandbox({
    argv: command.argv,
    folder: work.folder.build,
    files: await writeEtc(work.folder.path, command.dist, work.distribution),
    identity: work.identity,
    limits: command.limits,
    reserve_disk_bytes: work.config.reserve_disk_bytes,
    network: command.network,
    env: command.env,
    merged: !command.quiet,
    signal: work.signal,
    onOutput(chunk, stream) {
      if (stream === 'stdout') {
        stdout.add(chunk)
        command.onStdout?.(chunk)
      }
      output.add(chunk)
      if (!(command.quiet && stream === 'stdout')) work.log.write(chunk)
    },
  })
  if (end.aborted) throw new Dropped('called off')
  if (end.exceeded) {
    const { code, params } = end.exceeded
    // The disk was full although this build kept its limit.
    throw code === 'build.scratch-full'
      ? new BuilderFault(code, params)
      : new BuildFailure(code, params)
  }
  const [tool = ''] = command.argv
  if (end.exit_code === 127 && !isInstalled(tool))
    throw new BuilderFault('build.tool-missing', { tool })
  return { ...end, stdout: stdout.text(), output: output.text() }
}

/** More than any package has: a kernel's source package holds a few hundred, texlive's binaries 6,000. */
export const mostNames = 10_000

/**
 * Names in a folder of the build; empty when it is not a folder. The build may have left anything.
 * @throws BuildFailure when it holds more than anybody has use for
 */
export function listFolder(path: string): string[] {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return []
  const names: string[] = []
  const folder = opendirSync(path)
  try {
    for (let entry = folder.readSync(); entry; entry = folder.readSync()) {
      if (names.push(entry.name) > mostNames)
        throw new BuildFailure('build.too-many-files', { limit: mostNames })
    }
  } finally {
    folder.closeSync()
  }
  return names.sort()
}

export const isPlainFile = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isFile() === true

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256')
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  for await (const chunk of createReadStream('', { fd, autoClose: false }))
    hash.update(chunk as Buffer)
  closeSync(fd)
  return hash.digest('hex')
}

/** @throws BuildFailure when a file that the build left is a link, a pipe, a device, or named oddly */
export function assertUsable(folder: string, name: string): void {
  if (!isRpmFile(name) || !isPlainFile(join(folder, name)))
    throw new BuildFailure('build.output-unusable', { filename: name.slice(0, 200) })
}

/**
 * Sends a file that the build made. Nothing of the build runs any more, so that the file stays what
 * it is between looking and sending.
 * @throws BuildFailure when it is a link or has an impossible name
 */
export async function sendOutput(work: Work, folder: string, name: string): Promise<Output> {
  assertUsable(folder, name)
  const path = inside(folder, name)
  const output = { filename: name, sha256: await digest(path), size_bytes: lstatSync(path).size }
  await work.client.sendOutput(work.task, output, path, work.signal)
  return output
}

/** Fetches an input into the build folder, readable by the build. @throws BuildFailure */
export async function fetchInput(
  work: Work,
  sha256: string,
  folder: string,
  name: string,
): Promise<string> {
  const path = inside(join(work.folder.build, folder), name)
  await work.client.fetchInput(work.task, sha256, path, work.signal)
  if (work.identity) chownSync(path, work.identity.uid, work.identity.gid)
  return path
}
