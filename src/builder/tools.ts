/** Which tools this machine has, and which versions. What is missing, the portal's page says. */
import { execFile } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import type { Identity } from './sandbox.ts'

const run = promisify(execFile)

/** Without these nothing builds. createrepo_c is the portal's need, named here as people install both. */
const required = ['bwrap', 'rpm', 'rpmbuild', 'rpmspec', 'git', 'prlimit', 'du']
const compilers = ['gcc', 'make']

export function isInstalled(command: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Whether bubblewrap may make the namespaces it needs: some hosts and containers forbid it. */
async function canIsolate(identity: Identity | undefined): Promise<boolean> {
  const argv = [
    '--unshare-all',
    '--unshare-user',
    '--disable-userns',
    '--ro-bind',
    '/',
    '/',
    '/bin/true',
  ]
  return run('bwrap', argv, { ...identity, cwd: '/', timeout: 10_000 }).then(
    () => true,
    () => false,
  )
}

export interface Tools {
  drivers: ('host' | 'mock')[]
  missing: string[]
}

/** @param identity who the sandboxes will run as */
export async function findTools(identity: Identity | undefined): Promise<Tools> {
  const lacking = required.filter((command) => !isInstalled(command))
  if (!lacking.includes('bwrap') && !(await canIsolate(identity))) lacking.push('user-namespaces')
  const drivers: Tools['drivers'] = []
  if (lacking.length === 0) drivers.push('host')
  if (lacking.length === 0 && isInstalled('mock')) drivers.push('mock')
  const wanted = [...compilers, 'createrepo_c', 'mock'].filter((command) => !isInstalled(command))
  return { drivers, missing: [...lacking, ...wanted] }
}

async function firstLine(command: string, ...rest: string[]): Promise<string | undefined> {
  const done = await run(command, rest, { timeout: 10_000 }).catch(() => undefined)
  return done?.stdout.split('\n')[0]?.trim().slice(0, 200)
}

function operatingSystem(): string {
  try {
    const text = readFileSync('/etc/os-release', 'utf8')
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(text)?.[1] ?? 'unknown'
  } catch {
    return 'unknown'
  }
}

/** Versions of what built a package; those that are not installed are left out. */
export async function toolVersions(): Promise<Record<string, string>> {
  const asked = { rpm: 'rpm', gcc: 'gcc', make: 'make', bwrap: 'bwrap', ld: 'ld' }
  const versions: Record<string, string> = { os: operatingSystem(), kernel: release() }
  for (const [name, command] of Object.entries(asked)) {
    const version = await firstLine(command, '--version')
    if (version) versions[name] = version
  }
  return versions
}
