/** What a package file says of itself, read by rpm: the portal does not take a builder's word for it. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface RpmHeader {
  name: string
  epoch: number
  version: string
  release: string
  /** `src` for a source package. */
  arch: string
  /** File name of the source package; empty in a source package. */
  sourcerpm: string
  summary: string
  description: string
}

const TAGS = ['NAME', 'EPOCHNUM', 'VERSION', 'RELEASE', 'ARCH', 'SOURCEPACKAGE', 'SOURCERPM']
/** Unit separator: no tag above may hold it, and what holds newlines comes last. */
const SEPARATOR = '\x1f'

/** @throws Error with rpm's message when the file is no package */
export async function readHeader(file: string): Promise<RpmHeader> {
  const format = [...TAGS, 'SUMMARY', 'DESCRIPTION'].map((tag) => `%{${tag}}`).join(SEPARATOR)
  const { stdout } = await run('rpm', ['-qp', '--nosignature', '--qf', format, file], {
    maxBuffer: 8 * 1024 * 1024,
    timeout: 60_000,
  })
  const [name, epoch, version, release, arch, isSource, sourcerpm, summary, ...description] =
    stdout.split(SEPARATOR)
  return {
    name: name ?? '',
    epoch: Number(epoch),
    version: version ?? '',
    release: release ?? '',
    arch: isSource === '1' ? 'src' : (arch ?? ''),
    sourcerpm: isSource === '1' ? '' : (sourcerpm ?? ''),
    summary: summary ?? '',
    description: description.join(SEPARATOR),
  }
}

/** The file name that rpm gives a package of this header. */
export function rpmFilename(header: RpmHeader): string {
  return `${header.name}-${header.version}-${header.release}.${header.arch}.rpm`
}
