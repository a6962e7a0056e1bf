/**
 * The self-check before a switch: every package that the metadata names is there with its size,
 * updateinfo is listed where there is one, and a real client (dnf) reads the whole and finds each NEVRA.
 */
import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import type { App } from '../kernel/context.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { publishedRoot, stagedRepodata } from './compose.ts'
import type { GenerationRow, RepositoryRow } from './repositories.ts'

const run = promisify(execFile)

export interface CheckResult {
  /** For the log. */
  sentence: string
  /** For people, where a part could not be done. */
  note?: Reason
}

/** @throws Error that says what is wrong; the push then tries again or gives up, and nothing switches */
export async function checkRepository(
  app: App,
  row: RepositoryRow,
  generation: GenerationRow,
): Promise<CheckResult> {
  const repodata = stagedRepodata(app, generation.push_id, row)
  const primary = generation.files.find((file) => file.includes('primary.xml'))
  if (!primary) throw new Error(`${row.path}: the metadata has no primary.xml`)
  const xml = gunzipSync(await readFile(join(repodata, primary))).toString('utf8')
  const hrefs = Array.from(xml.matchAll(/<location href="([^"]+)"/g), (match) => match[1] ?? '')
  const sizes = Array.from(xml.matchAll(/<size package="(\d+)"/g), (match) => Number(match[1]))
  if (hrefs.length !== generation.rpm_ids.length)
    throw new Error(`${row.path}: ${hrefs.length} packages, not ${generation.rpm_ids.length}`)
  for (const [at, href] of hrefs.entries()) {
    const { size } = await stat(join(publishedRoot(app, row), href))
    if (size !== sizes[at]) throw new Error(`${row.path}/${href}: ${size} bytes, not ${sizes[at]}`)
  }
  return askClient(app, row, generation, hrefs.length)
}

/** Lets dnf read the staged metadata over the published packages. */
async function askClient(
  app: App,
  row: RepositoryRow,
  generation: GenerationRow,
  packages: number,
): Promise<CheckResult> {
  const stage = dirname(stagedRepodata(app, generation.push_id, row))
  const root = join(stage, 'client')
  await rm(root, { recursive: true, force: true })
  await mkdir(root, { recursive: true })
  const view = join(stage, 'Packages')
  await rm(view, { force: true })
  await symlink(join(publishedRoot(app, row), 'Packages'), view)
  try {
    const { stdout } = await run(
      'dnf',
      [
        ...[
          `--installroot=${root}`,
          `--setopt=cachedir=${root}/cache`,
          '--setopt=reposdir=/dev/null',
        ],
        ...[
          `--setopt=logdir=${root}`,
          '--releasever=check',
          '--quiet',
          `--forcearch=${clientArch(row)}`,
        ],
        ...[`--repofrompath=check,file://${stage}`, '--repo=check', '--nogpgcheck'],
        ...[
          'repoquery',
          '--show-duplicates',
          '--qf',
          '%{name}-%{epoch}:%{version}-%{release}.%{arch}',
        ],
      ],
      { timeout: 120_000, maxBuffer: 256 * 1024 * 1024 },
    )
    const seen = stdout.split('\n').filter((line) => line.trim() !== '').length
    if (seen !== packages) throw new Error(`${row.path}: dnf sees ${seen} of ${packages} packages`)
    return { sentence: `${packages} packages, all there; dnf reads them` }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return {
      sentence: `${packages} packages, all there; dnf is not installed here`,
      note: reason('push.no-client'),
    }
  } finally {
    await rm(root, { recursive: true, force: true })
    await rm(view, { force: true })
  }
}

const clientArch = (row: RepositoryRow) => (row.arch === 'src' ? 'x86_64' : row.arch)
