/**
 * Commands of the docs, as a reader runs them: every block marked `test`, page by page, in a folder of its own,
 * against a real portal. Only the portal's address and the distribution's words are filled in.
 */
import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readDistribution } from '../../src/kernel/distribution.ts'
import { distributionWords, fillWords } from '../../src/kernel/distribution-words.ts'
import { Api, type Update } from '../support/api.ts'
import { type DocsPage, docsPages, expectedOutputs, outputs, scriptOf } from '../support/docs.ts'
import { reaches } from '../support/packages.ts'
import { signUp } from '../support/people.ts'
import { createPortal, node, type Portal, root } from '../support/portal.ts'
import { seedSite } from '../support/site.ts'
import { slipway } from '../support/slipway.ts'
import { until } from '../support/until.ts'

const pages = docsPages().filter(({ blocks }) => blocks.some(({ marks }) => marks.includes('test')))
const words = distributionWords(readDistribution(join(root, 'content')))

let portal: Portal
/** Folder with what each page finds where it is run, by its path. */
let found: string
let token: string

/** What the docs call `npx slipway` and `slipway`, without asking a registry. */
function makeBin(folder: string): string {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const program = `exec '${node}' '${join(root, 'src/cli.ts')}' "$@"`
  writeFileSync(join(bin, 'slipway'), `#!/bin/sh\n${program}\n`)
  writeFileSync(join(bin, 'npx'), `#!/bin/sh\n[ "$1" = slipway ] || exit 127\nshift\n${program}\n`)
  for (const name of ['slipway', 'npx']) chmodSync(join(bin, name), 0o755)
  return bin
}

function spec(name: string, version: string, more: string): string {
  const head = [`Name: ${name}`, `Version: ${version}`, 'Release: 1.el10', 'Summary: Another EL']
  return [...head, 'License: MIT', 'BuildArch: noarch', '%description', 'Of another.', more].join(
    '\n',
  )
}

/** A folder in which another EL is installed: its release package, its repositories, and an old package. */
function installAnotherEl(folder: string): void {
  const repo = join(folder, 'other')
  const release = spec(
    'other-release',
    '10',
    [
      '%install',
      'mkdir -p %{buildroot}/etc/yum.repos.d %{buildroot}/usr/lib',
      `printf '[other]\\nname=Another EL\\nbaseurl=file://${repo}\\ngpgcheck=0\\n' > %{buildroot}/etc/yum.repos.d/other.repo`,
      'echo NAME=Other > %{buildroot}/usr/lib/os-release',
      'ln -s ../usr/lib/os-release %{buildroot}/etc/os-release',
      '%files',
      '/etc/*',
      '/usr/lib/os-release',
    ].join('\n'),
  ).replace(
    'License',
    'Provides: system-release = 10\nProvides: system-release(releasever) = 10\nLicense',
  )
  mkdirSync(repo, { recursive: true })
  for (const [name, text] of [
    ['other-release', release],
    ['rpmvercmp', spec('rpmvercmp', '0.9', '%files')],
  ] as const) {
    const file = join(folder, `${name}.spec`)
    writeFileSync(file, text)
    const defines = ['--define', `_topdir ${folder}/rpm`, '--define', `_rpmdir ${repo}`]
    execFileSync('rpmbuild', ['-bb', ...defines, file], { stdio: 'pipe' })
  }
  execFileSync('createrepo_c', ['-q', repo])
  dnf(join(folder, 'rehearsal'), [
    ...[`--repofrompath=other,file://${repo}`, '--repo=other', '--nogpgcheck'],
    ...['install', 'other-release', 'rpmvercmp'],
  ])
}

function dnf(installroot: string, args: string[]): void {
  const options = ['-y', `--installroot=${installroot}`, `--releasever=${words.version}`]
  execFileSync('dnf', [...options, ...args], { stdio: 'pipe' })
}

/** A machine of the distribution, from before the update that is stable by the time the docs are run. */
function installEarlier(folder: string): void {
  const base = `${portal.url}/pub/${words.id}/${words.version}`
  const arch = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim()
  dnf(join(folder, 'tryout'), [
    ...[`--repofrompath=base,${base}/BaseOS/${arch}/os/`, '--repo=base', '--nogpgcheck'],
    ...[`--repofrompath=apps,${base}/AppStream/${arch}/os/`, '--repo=apps'],
    ...['install', `${words.id}-release`, 'rpmvercmp'],
  ])
}

/** A new release of rpmvercmp as a security update, voted to stable. */
async function releaseUpdate(admin: Api): Promise<void> {
  const file = join(portal.content, 'packages/rpmvercmp/rpmvercmp.spec')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^(Release:\s+)1%/m, '$12%'))
  await slipway(portal, ['build', 'rpmvercmp', '--wait'])
  const { alias } = await admin.post<Update>('/api/updates', {
    ...{ builds: [`rpmvercmp-1.0-2${words.dist}`], type: 'security', severity: 'high' },
    ...{ title: 'New rpmvercmp', notes: 'Compares soundly.' },
  })
  await reaches(admin, alias, 'testing')
  for (const username of ['first-mate', 'second-mate'])
    await (await signUp(portal, username)).post(`/api/updates/${alias}/votes`, { karma: 1 })
  await reaches(admin, alias, 'stable')
}

beforeAll(async () => {
  portal = await createPortal()
  await portal.start()
  const bin = makeBin(portal.folder)
  portal.env.PATH = [bin, portal.env.PATH].join(delimiter)
  found = join(portal.folder, 'found')
  for (const name of ['migrate', 'upgrade', 'testing'])
    mkdirSync(join(found, name), { recursive: true })
  const { admin } = await seedSite(portal)
  token = admin.token
  const anyone = new Api(portal.url)
  await until(
    'an image',
    async () => (await anyone.get<{ items: unknown[] }>('/api/downloads')).items.length > 0,
    120_000,
  )
  installAnotherEl(join(found, 'migrate'))
  installEarlier(join(found, 'upgrade'))
  cpSync(join(found, 'upgrade'), join(found, 'testing'), { recursive: true })
  await releaseUpdate(admin)
})
afterAll(() => portal?.stop())

/** Runs a page's script. @returns what it printed @throws Error with that and where it stopped */
function run(page: DocsPage): Promise<string> {
  const name = page.path.replace(/\.mdx?$/, '').replaceAll('/', '-')
  const folder = join(portal.folder, 'run', name)
  mkdirSync(folder, { recursive: true })
  if (['migrate', 'upgrade', 'testing'].includes(name))
    cpSync(join(found, name), folder, { recursive: true, verbatimSymlinks: true })
  const script = fillWords(scriptOf(page), words).replaceAll('http://127.0.0.1:4321', portal.url)
  const file = join(folder, '.script')
  writeFileSync(file, script)
  // A keyring of its own. HOME stays: Debian's rpm keeps its database below it, inside an installroot too.
  const keyring = join(folder, '.gnupg')
  mkdirSync(keyring, { mode: 0o700 })
  const env = { ...portal.env, GNUPGHOME: keyring, LOG_LEVEL: 'error', LC_ALL: 'C.UTF-8' }
  // A token stands for a packager elsewhere; other pages are for the portal's own host.
  const asPackager = page.source.includes('SLIPWAY_TOKEN')
  return new Promise((resolve, reject) => {
    execFile(
      'bash',
      [file],
      {
        ...{ cwd: folder, timeout: 200_000, maxBuffer: 16e6 },
        env: { ...env, ...(asPackager && { SLIPWAY_TOKEN: token }) },
      },
      (error, stdout) => {
        if (!error) return resolve(stdout)
        const where = /^(?:.*: )?line (\d+)/m.exec(stdout.slice(stdout.lastIndexOf('\nline ')))?.[1]
        reject(new Error(`content/docs/${page.path}:${where ?? '?'}\n${stdout.slice(-4000)}`))
      },
    )
  })
}

describe('commands of the docs', () => {
  test('there are some on the pages for users, packagers, mirrors and operators', () => {
    expect(pages.map(({ path }) => path.replace(/\.mdx?$/, ''))).toEqual(
      expect.arrayContaining(['install', 'migrate', 'packaging', 'mirrors', 'operating/backup']),
    )
  })

  test.each(pages.map((page) => [page.path, page] as const))('%s', async (path, page) => {
    const printed = outputs(await run(page))
    for (const { line, of, lines } of expectedOutputs(page))
      for (const each of lines)
        expect(printed.get(of), `content/docs/${path}:${line}`).toContain(
          fillWords(each, words).replaceAll('http://127.0.0.1:4321', portal.url),
        )
  })
})
