/**
 * What `npm start` and `npm test` share: npm packages by the lock file, system tools by apt or dnf where
 * this user may, and a built site. Plain JavaScript without dependencies: it runs on a bare Node 20.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
export const node = join(root, 'node_modules', 'node', 'bin', 'node')

export const say = (line) => process.stderr.write(`slipway: ${line}\n`)

/** Runs a program with its output shown. @throws Error when it fails */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`)
}

/** Installs npm packages when the lock file is not the one that was installed last. */
export function installPackages() {
  const lock = readFileSync(join(root, 'package-lock.json'))
  const digest = createHash('sha256').update(lock).digest('hex')
  const mark = join(root, 'node_modules', '.slipway-lock')
  if (existsSync(node) && existsSync(mark) && readFileSync(mark, 'utf8') === digest) return
  say('installing npm packages by the lock file')
  // Not `npm ci`: it refuses a lock file that lacks packages for other platforms, which some registries
  // do not serve. `install` takes the locked versions all the same, and --no-save leaves the file alone.
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'])
  // npm may be told to run no install scripts; the `node` package needs its own to bring the binary.
  if (!existsSync(node))
    run('node', [join(root, 'node_modules/node/installArchSpecificPackage.js')])
  writeFileSync(mark, digest)
}

/** @param program a name in PATH, the path of a file, or `python3:<module>` of the system's Python, which is asked */
function isThere(program) {
  if (program.startsWith('python3:')) {
    const [, module] = program.split(':')
    return (
      spawnSync('/usr/bin/python3', ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0
    )
  }
  if (program.startsWith('/')) return existsSync(program)
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** How this user may install system packages: root's own apt or dnf, or sudo that asks nothing. */
function installers() {
  const prefix = process.getuid() === 0 ? [] : ['sudo', '-n']
  const allowed =
    prefix.length === 0 || spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0
  if (!allowed) return undefined
  if (isThere('apt-get')) return { kind: 'apt', prefix }
  if (isThere('dnf')) return { kind: 'dnf', prefix }
  return undefined
}

function tryRun(words, options) {
  const [command, ...args] = words
  return (
    spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options }).status === 0
  )
}

/**
 * @param tools program -> { apt, dnf } package names
 * @returns programs that are still missing
 */
export function installTools(tools) {
  const lacking = () => Object.keys(tools).filter((program) => !isThere(program))
  const missing = lacking()
  const how = missing.length > 0 ? installers() : undefined
  if (!how) return missing
  const packages = [...new Set(missing.map((program) => tools[program][how.kind]))]
  say(`installing system packages: ${packages.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  if (how.kind === 'apt') {
    tryRun([...how.prefix, 'apt-get', 'update', '-q'], { env })
    tryRun(
      [...how.prefix, 'apt-get', 'install', '-y', '-q', '--no-install-recommends', ...packages],
      { env },
    )
  } else {
    // Not strict: a package that this release lacks does not keep the others away.
    const options = ['-y', '-q', '--setopt=strict=0']
    tryRun([...how.prefix, 'dnf', 'install', ...options, ...packages], { env })
  }
  return lacking()
}

/** Building needs these; all else works without. */
export const buildTools = {
  rpmbuild: { apt: 'rpm', dnf: 'rpm-build' },
  rpmsign: { apt: 'rpm', dnf: 'rpm-sign' },
  createrepo_c: { apt: 'createrepo-c', dnf: 'createrepo_c' },
  bwrap: { apt: 'bubblewrap', dnf: 'bubblewrap' },
  gpg: { apt: 'gnupg', dnf: 'gnupg2' },
  rsync: { apt: 'rsync', dnf: 'rsync' },
  xorriso: { apt: 'xorriso', dnf: 'xorriso' },
  git: { apt: 'git', dnf: 'git' },
  gcc: { apt: 'gcc', dnf: 'gcc' },
  make: { apt: 'make', dnf: 'make' },
  // A C compiler without the C library's headers builds nothing.
  '/usr/include/stdio.h': { apt: 'libc6-dev', dnf: 'glibc-devel' },
  cpio: { apt: 'cpio', dnf: 'cpio' },
}

/**
 * Images are made without these as well, and say what they lack; without libsolv's module a push asks dnf what
 * clients will read, which takes longer and tells less.
 */
export const usefulTools = {
  'python3:solv': { apt: 'python3-solv', dnf: 'python3-solv' },
  implantisomd5: { apt: 'isomd5sum', dnf: 'isomd5sum' },
  zsyncmake: { apt: 'zsync', dnf: 'zsync' },
}

/** Clients, daemons, a browser and a database server, for tests. */
export const testTools = {
  ...buildTools,
  ...usefulTools,
  dnf: { apt: 'dnf', dnf: 'dnf' },
  sq: { apt: 'sq', dnf: 'sequoia-sq' },
  chromium: { apt: 'chromium', dnf: 'chromium' },
  // Daemons are only started by tests, on ports and configurations of their own.
  nginx: { apt: 'nginx-light', dnf: 'nginx' },
  vsftpd: { apt: 'vsftpd', dnf: 'vsftpd' },
  aria2c: { apt: 'aria2', dnf: 'aria2' },
  // What tests/builder/fixtures/packages are built with.
  cmake: { apt: 'cmake', dnf: 'cmake' },
  meson: { apt: 'meson', dnf: 'meson' },
  ninja: { apt: 'ninja-build', dnf: 'ninja-build' },
  autoconf: { apt: 'autoconf', dnf: 'autoconf' },
  automake: { apt: 'automake', dnf: 'automake' },
  go: { apt: 'golang-go', dnf: 'golang' },
  pip3: { apt: 'python3-pip', dnf: 'python3-pip' },
  curl: { apt: 'curl', dnf: 'curl' },
  ip: { apt: 'iproute2', dnf: 'iproute' },
  pg_ctlcluster: { apt: 'postgresql', dnf: 'postgresql-server' },
}

const contentFolder = (name) => join(process.env.SLIPWAY_CONTENT || 'content', name)

/** Newest change of anything that the built site is made of. */
function stampOf(paths) {
  const hash = createHash('sha256')
  const visit = (path) => {
    const found = statSync(path)
    if (found.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name))
    else hash.update(`${path}\0${found.size}\0${Math.floor(found.mtimeMs)}\n`)
  }
  for (const path of paths) if (existsSync(resolve(root, path))) visit(resolve(root, path))
  // The docs name their own addresses.
  hash.update(`${process.env.SLIPWAY_URL ?? ''}\n`)
  return hash.digest('hex')
}

/** Builds the site unless it is built from what is here. */
export function buildSite() {
  const mark = resolve(root, process.env.SLIPWAY_SITE || 'dist', '.slipway-build')
  const stamp = stampOf([
    'src',
    'db',
    'astro.config.mjs',
    'tsconfig.json',
    'package-lock.json',
    // The docs are prerendered, with the distribution's words in them.
    contentFolder('docs'),
    contentFolder('brand'),
    contentFolder('distribution.yaml'),
    contentFolder('i18n'),
    'content/i18n',
  ])
  if (existsSync(mark) && readFileSync(mark, 'utf8') === stamp) return
  say('building the site')
  const quiet = ['--silent']
  run(node, [join(root, 'node_modules/astro/bin/astro.mjs'), 'build', ...quiet], {
    env: {
      ...process.env,
      ASTRO_TELEMETRY_DISABLED: '1',
      // Whoever asks (tests ask, with another one): what is built here is what is served.
      NODE_ENV: 'production',
      PATH: `${dirname(node)}${delimiter}${process.env.PATH}`,
    },
  })
  writeFileSync(mark, stamp)
}
