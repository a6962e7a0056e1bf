/** Starts the real builder program for a test, and packages for it to build. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { renderedName, renderSource } from '../../src/kernel/template.ts'
import { type TestPortal, token } from './portal.ts'

export const root = join(import.meta.dirname, '../..')

/** A scratch folder that the sandboxes' user can reach. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-builder-'))
  chmodSync(folder, 0o711)
  return folder
}

export interface Program {
  child: ChildProcess
  /** What it said on stderr. */
  said: () => string
  /** Sends a signal and waits for the end. @returns exit status, null when a signal ended it */
  end: (signal: NodeJS.Signals) => Promise<number | null>
}

export function startBuilder(
  url: string,
  scratch: string,
  env: Record<string, string> = {},
): Program {
  const child = spawn(join(root, 'node_modules/.bin/node'), [join(root, 'src/builder/main.ts')], {
    env: {
      PATH: process.env.PATH,
      SLIPWAY_URL: url,
      BUILDER_TOKEN: token,
      BUILDER_SCRATCH: scratch,
      BUILDER_CAPACITY: '1',
      BUILDER_RESERVE_DISK_MIB: '1',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  return {
    child,
    said: () => said,
    end: (signal) => {
      child.kill(signal)
      return ended
    },
  }
}

/** A one-file package whose %build is the script. */
export function specOf(name: string, script: string, more = ''): string {
  return `Name: ${name}
Version: 1.0
Release: 1%{?dist}
Summary: A package for tests
License: MIT
BuildArch: noarch
${more}
%description
A package for tests.
%build
${script}
%install
mkdir -p %{buildroot}/usr/share/${name}
echo data > %{buildroot}/usr/share/${name}/data
%files
/usr/share/${name}
%changelog
* Mon Jan 05 2026 Test <test@slipway.example> - 1.0-1
- First
`
}

/** The payload of buildSRPM for a spec and nothing else. */
export function specPayload(portal: TestPortal, name: string, spec: string) {
  const files = [{ name: `${name}.spec`, ...portal.keep(Buffer.from(spec)) }]
  return { source: { kind: 'files', spec: `${name}.spec`, files }, dist: '.kl10' }
}

const variables = {
  URL: 'http://127.0.0.1:4321',
  NAME: 'Keel Linux',
  ID: 'keel',
  VENDOR: 'The Keel Linux Project',
  VERSION: '10',
  CODENAME: 'Garboard',
  PUBLIC_KEY:
    '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEAAAA\n-----END PGP PUBLIC KEY BLOCK-----',
}

/** The payload of buildSRPM for a package of content/packages, with its templates filled. */
export function contentPayload(portal: TestPortal, name: string) {
  const folder = join(root, 'content/packages', name)
  const files = readdirSync(folder).map((entry) => {
    const bytes = readFileSync(join(folder, entry))
    const rendered = renderedName(entry)
    const content = rendered ? Buffer.from(renderSource(bytes.toString(), variables)) : bytes
    return { name: rendered ?? entry, ...portal.keep(content) }
  })
  return { source: { kind: 'files', spec: `${name}.spec`, files }, dist: '.kl10' }
}

/**
 * The original tarball of GNU hello from Debian's source package, fetched by apt into test-output/
 * once. apt gets a list of its own, so that the machine's configuration stays as it is.
 */
export function helloTarball(): string {
  const folder = join(root, 'test-output/hello')
  const tarball = join(folder, 'hello_2.10.orig.tar.gz')
  if (existsSync(tarball)) return tarball
  for (const name of ['lists/partial', 'cache/archives/partial', 'sources.list.d']) {
    mkdirSync(join(folder, name), { recursive: true })
  }
  const source = 'deb-src http://deb.debian.org/debian bookworm main'
  execFileSync('sh', ['-c', `echo '${source}' > sources.list.d/src.list`], { cwd: folder })
  const options = ['SourceList=/dev/null', `SourceParts=${folder}/sources.list.d`].map(
    (o) => `Dir::Etc::${o}`,
  )
  options.push(
    `Dir::State::lists=${folder}/lists`,
    `Dir::Cache=${folder}/cache`,
    'APT::Sandbox::User=root',
  )
  const apt = (...rest: string[]) =>
    execFileSync('apt-get', [...options.flatMap((o) => ['-o', o]), '-q', ...rest], {
      cwd: folder,
      stdio: 'pipe',
    })
  apt('update')
  apt('source', '--download-only', '--tar-only', 'hello')
  return tarball
}
