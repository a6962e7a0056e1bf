/**
 * What package files say of themselves, read by rpm, which runs confined: the portal does not take a builder's
 * word for it, and does not read strangers' bytes beside its key.
 */
import { constants } from 'node:fs'
import { mkdir, open, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chunks } from '../kernel/chunks.ts'
import { runConfined } from '../kernel/confined.ts'

export interface RpmHeader {
  name: string
  epoch: number
  version: string
  release: string
  /** `src` for a source package. */
  arch: string
  /** File name of the source package; empty in a source package. */
  sourcerpm: string
  /** Digest of what it installs and asks for, without dates and hosts: equal where two builds made the same. */
  content: string
  summary: string
  description: string
}

const TAGS = ['NAME', 'EPOCHNUM', 'VERSION', 'RELEASE', 'ARCH', 'SOURCEPACKAGE', 'SOURCERPM']
/** Unit separator: no tag above may hold it, and what holds newlines comes last. */
const SEPARATOR = '\x1f'
const SAID_MAX_BYTES = 8 * 1024 * 1024

const about = [...TAGS, 'SUMMARY', 'DESCRIPTION'].map((tag) => `%{${tag}}`).join(SEPARATOR)
const content = [
  '[%{FILENAMES} %{FILEMODES:octal} %{FILEDIGESTS} %{FILELINKTOS} %{FILEUSERNAME}\\n]',
  '[%{PROVIDENEVRS}\\n][%{REQUIRENEVRS}\\n][%{CONFLICTNEVRS}\\n][%{OBSOLETENEVRS}\\n]',
  '%{PREIN}%{POSTIN}%{PREUN}%{POSTUN}%{SUMMARY}%{DESCRIPTION}',
].join('')

/** Thrown with rpm's words where a file is no package. */
export class NoPackage extends Error {}

/** For each file: what it says, and a digest of its content; an error of rpm leaves its words. */
const SCRIPT = `cd /files || exit 1
for file in *; do
  rpm -qp --nomanifest --nosignature --qf "$1" "$file" >"/out/$file" 2>"/out/$file.error" &&
  rpm -qp --nomanifest --nosignature --qf "$2" "$file" 2>/dev/null | sha256sum >"/out/$file.content" || exit 1
done
`

/**
 * Reads packages in the order in which they are given.
 * @param work empty folder for this call; removed at the end
 * @throws NoPackage
 */
export async function readHeaders(paths: string[], work: string): Promise<RpmHeader[]> {
  const headers: RpmHeader[] = []
  for (const part of chunks(paths, 200)) headers.push(...(await readSome(part, work)))
  return headers
}

async function readSome(paths: string[], work: string): Promise<RpmHeader[]> {
  await rm(work, { recursive: true, force: true })
  await mkdir(work, { recursive: true })
  try {
    const entries = paths.map((path, at) => [`/files/${at}.rpm`, path])
    await runConfined({
      argv: ['/bin/sh', '-c', SCRIPT, 'sh', about, content],
      read: Object.fromEntries(entries),
      write: { '/out': work },
    }).catch(async (error: unknown) => {
      // The script ends with 1 at a file that rpm can't read; all else is this machine's fault.
      if ((error as { code?: unknown }).code !== 1) throw error
      throw new NoPackage((await firstWords(work)) ?? 'rpm takes it for no package', {
        cause: error,
      })
    })
    const headers: RpmHeader[] = []
    for (const at of paths.keys())
      headers.push(parse(await said(work, `${at}.rpm`), await said(work, `${at}.rpm.content`)))
    return headers
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** What the confined side wrote: it may have put anything there. */
async function said(work: string, name: string): Promise<string> {
  const file = await open(
    join(work, name),
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  )
  try {
    const found = await file.stat()
    if (!found.isFile() || found.size > SAID_MAX_BYTES) throw new Error(`rpm said too much`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

async function firstWords(work: string): Promise<string | undefined> {
  for (const name of await readdir(work))
    if (name.endsWith('.error')) {
      const words = await said(work, name).catch(() => '')
      if (words.trim() !== '') return words.slice(0, 1000).trim()
    }
  return undefined
}

function parse(text: string, content_line: string): RpmHeader {
  const [name, epoch, version, release, arch, isSource, sourcerpm, summary, ...description] =
    text.split(SEPARATOR)
  return {
    name: name ?? '',
    epoch: Number(epoch),
    version: version ?? '',
    release: release ?? '',
    arch: isSource === '1' ? 'src' : (arch ?? ''),
    sourcerpm: isSource === '1' ? '' : (sourcerpm ?? ''),
    content: content_line.slice(0, 64),
    summary: summary ?? '',
    description: description.join(SEPARATOR),
  }
}

/**
 * Whether repository metadata can hold these packages: asked of createrepo_c itself, which leaves those out that
 * have a control character in their names, texts or changelog, and exits 0.
 * @returns positions of those that it leaves out
 */
export async function unreadable(paths: string[], work: string): Promise<number[]> {
  const left: number[] = []
  for (const [at, part] of chunks(paths, 200).entries()) {
    await rm(work, { recursive: true, force: true })
    await mkdir(work, { recursive: true })
    await writeFile(join(work, 'list'), part.map((_, n) => `${n}.rpm\n`).join(''))
    try {
      await runConfined({
        argv: [
          ...['/usr/bin/createrepo_c', '--quiet', '--no-database', '--simple-md-filenames'],
          ...[
            '--general-compress-type=gz',
            '--pkglist',
            '/out/list',
            '--outputdir',
            '/out',
            '/files',
          ],
        ],
        read: Object.fromEntries(part.map((path, n) => [`/files/${n}.rpm`, path])),
        write: { '/out': work },
      })
      const { stdout } = await runConfined({
        argv: [
          '/bin/sh',
          '-c',
          "gzip -dc /out/repodata/primary.xml.gz | grep -o '<location href=\"[0-9]*' || true",
        ],
        read: { '/out': work },
      })
      const there = new Set(Array.from(stdout.matchAll(/="(\d+)/g), ([, n]) => Number(n)))
      for (const n of part.keys()) if (!there.has(n)) left.push(200 * at + n)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  }
  return left
}
