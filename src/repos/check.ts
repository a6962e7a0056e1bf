/**
 * The self-check before anything is published: the staged metadata, read by the library that clients read it
 * with (libsolv; dnf itself where its Python module is missing), names exactly the packages that it should,
 * each with the bytes that were stored. It runs confined.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { MINUTE_MS } from '../kernel/clock.ts'
import { runConfined } from '../kernel/confined.ts'
import type { App } from '../kernel/context.ts'
import { root } from '../kernel/paths.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { stageOf } from './compose.ts'
import type { GenerationRow, RepositoryRow } from './repositories.ts'

const foundSchema = z.union([
  z.object({ error: z.string() }),
  z.object({
    packages: z.int(),
    advisories: z.int().nullable(),
    /** Under the repository's path; at most a thousand of each. */
    missing: z.array(z.string()),
    extra: z.array(z.string()),
    different: z.array(z.string()),
  }),
])

export interface CheckResult {
  /** For the log. */
  sentence: string
  /** File names of packages that createrepo_c left out. */
  dropped: string[]
  /** File names of packages whose bytes are not those that were stored. */
  damaged: string[]
  /** For people, where a part could not be done. */
  note?: Reason
}

const READER = join(root, 'src/repos/solver/check.py')
const UNKNOWN_MODULE = 3

/** @throws Error that says what is wrong with the whole; the push tries again or gives up, and nothing switches */
export async function checkRepository(
  app: App,
  row: RepositoryRow,
  generation: GenerationRow,
): Promise<CheckResult> {
  const stage = stageOf(app, generation.push_id, generation.attempt, row)
  const found = await askLibsolv(stage)
  if (found === 'no module') return askDnf(row, stage)
  if (found === 'no python') return unread(generation.packages)
  if ('error' in found) throw new Error(`${row.path}: ${found.error}`)
  if (found.extra.length > 0) throw new Error(`${row.path}: ${found.extra.join(', ')} is too much`)
  const advisories = found.advisories === null ? '' : `, ${found.advisories} advisories`
  return {
    sentence: `${found.packages} of ${generation.packages} packages${advisories}`,
    dropped: found.missing.map(filename),
    damaged: found.different.map(filename),
  }
}

const filename = (href: string) => href.slice(href.lastIndexOf('/') + 1)

async function askLibsolv(stage: string) {
  try {
    const { stdout } = await runConfined({
      argv: ['/usr/bin/python3', '-I', '/check.py', '/stage/repodata', '/stage/expected.tsv'],
      read: { '/check.py': READER, '/stage': stage },
      timeout_ms: 5 * MINUTE_MS,
    })
    return foundSchema.parse(JSON.parse(stdout))
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string }
    if (code === UNKNOWN_MODULE) return 'no module' as const
    if (stderr?.includes('/usr/bin/python3: No such file')) return 'no python' as const
    throw error
  }
}

const unread = (packages: number): CheckResult => ({
  sentence: `${packages} packages; neither libsolv's Python module nor dnf is installed here`,
  dropped: [],
  damaged: [],
  note: reason('push.no-client'),
})

/** Slower, and by names only: dnf tells no digests. */
async function askDnf(row: RepositoryRow, stage: string): Promise<CheckResult> {
  const expected = new Set(
    (await readFile(join(stage, 'expected.tsv'), 'utf8'))
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [filename(line.slice(0, line.indexOf('\t')))])),
  )
  const packages = expected.size
  try {
    const { stdout } = await runConfined({
      argv: [
        ...['/usr/bin/dnf', '--installroot=/tmp/root', '--setopt=cachedir=/tmp/cache'],
        ...['--setopt=reposdir=/dev/null', '--setopt=logdir=/tmp', '--releasever=check', '--quiet'],
        ...[`--forcearch=${row.arch === 'src' ? 'x86_64' : row.arch}`, '--config=/dev/null'],
        ...['--repofrompath=check,file:///stage', '--repo=check', '--nogpgcheck'],
        ...['repoquery', '--show-duplicates'],
        ...['--qf', '%{name}-%{version}-%{release}.%{arch}.rpm'],
      ],
      read: { '/stage': stage },
      timeout_ms: 5 * MINUTE_MS,
      max_output_bytes: 256 * 1024 * 1024,
    })
    for (const line of stdout.split('\n'))
      if (line !== '' && !expected.delete(line)) throw new Error(`${row.path}: ${line} is too much`)
  } catch (error) {
    if (String((error as { stderr?: unknown }).stderr).includes('/usr/bin/dnf: No such file'))
      return unread(packages)
    throw error
  }
  const sentence = `dnf reads ${packages - expected.size} of ${packages} packages`
  return { sentence, dropped: [...expected], damaged: [] }
}
