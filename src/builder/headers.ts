/** What packages say of themselves. rpm reads them in the sandbox: strangers wrote them. */
import { basename } from 'node:path'
import { BuildFailure } from './failure.ts'
import type { Limits } from './protocol.ts'
import {
  controlCharacter,
  type Header,
  parseHeader,
  queryFormat,
  rpmMessage,
  textFormat,
  textTags,
} from './rpm.ts'
import { runCommand, type Work } from './work.ts'

const query = (format: string, paths: string[]) => [
  ...['rpm', '--query', '--nosignature', '--package', '--queryformat', format],
  ...paths,
]

/** @param path as the sandbox sees it. @throws BuildFailure */
export async function readHeader(
  work: Work,
  path: string,
  dist: string,
  limits: Limits,
): Promise<Header> {
  const end = await runCommand(work, {
    argv: query(queryFormat, [path]),
    dist,
    limits,
    quiet: true,
  })
  const header = end.exit_code === 0 ? parseHeader(end.stdout) : undefined
  if (header) return header
  if (end.exit_code === 0)
    throw new BuildFailure('build.name-unusable', { filename: basename(path).slice(0, 200) })
  throw new BuildFailure('build.srpm-unreadable', { message: rpmMessage(end.output) })
}

/**
 * Refuses a source package whose name, version or release holds a macro that nobody defines: rpm keeps such
 * a macro as it is written. @throws BuildFailure that names it
 */
export function refuseMacros(filename: string): void {
  if (filename.includes('%autorelease')) throw new BuildFailure('build.autorelease')
  const [macro] = /%[^-/]*/.exec(filename) ?? []
  if (macro !== undefined)
    throw new BuildFailure('build.macro-undefined', { macro: macro.slice(0, 100) })
}

/** The first control character in a text of these packages. */
async function findControl(
  work: Work,
  paths: string[],
  tags: readonly string[],
  { dist, limits }: { dist: string; limits: Limits },
): Promise<number | undefined> {
  let found: number | undefined
  const end = await runCommand(work, {
    argv: query(textFormat(tags), paths),
    dist,
    limits,
    quiet: true,
    onStdout: (chunk) => {
      found ??= controlCharacter(chunk)
    },
  })
  if (end.exit_code !== 0)
    throw new BuildFailure('build.srpm-unreadable', { message: rpmMessage(end.output) })
  return found
}

/**
 * Refuses packages with control characters in their texts: no XML can hold one, so that repositories would
 * leave the package out without a word.
 * @throws BuildFailure that names package and tag
 */
export async function refuseControls(
  work: Work,
  paths: string[],
  dist: string,
  limits: Limits,
): Promise<void> {
  const how = { dist, limits }
  if ((await findControl(work, paths, textTags, how)) === undefined) return
  for (const path of paths)
    for (const tag of textTags) {
      const code = await findControl(work, [path], [tag], how)
      if (code === undefined) continue
      throw new BuildFailure('build.control-character', {
        filename: basename(path),
        tag: tag.toLowerCase(),
        character: `U+${code.toString(16).toUpperCase().padStart(4, '0')}`,
      })
    }
}
