/** A machine for dnf: an installroot of its own, with nothing of the host's configuration or cache. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Machine {
  root: string
  /** Runs dnf; @throws Error with all that dnf printed */
  dnf(...args: string[]): Promise<string>
  /** NEVRAs (without epoch 0) that rpm says are installed. */
  installed(): Promise<string[]>
}

/** The file by which a machine meets the distribution; what it installs brings files of its own. */
function firstRepo(url: string, key: string, query: string): string {
  return ['baseos', 'appstream']
    .map((id) =>
      [
        `[first-${id}]`,
        `name=${id}`,
        `metalink=${url}/metalink?repo=${id}-$releasever&arch=$basearch${query}`,
        'enabled=1',
        'gpgcheck=1',
        'repo_gpgcheck=1',
        `gpgkey=file://${key}`,
        '',
      ].join('\n'),
    )
    .join('\n')
}

/**
 * @param folder where the machine is made
 * @param url the portal's address
 * @param key file of its public key
 * @param query more for the address of its metalinks, such as `&ip=…`
 */
export function createMachine(folder: string, url: string, key: string, query = ''): Machine {
  const root = join(folder, 'root')
  const repos = join(folder, 'first.repos.d')
  for (const path of [root, repos]) mkdirSync(path, { recursive: true })
  writeFileSync(join(repos, 'first.repo'), firstRepo(url, key, query))
  const ownRepos = join(root, 'etc/yum.repos.d')
  const ownKey = join(root, 'etc/pki/rpm-gpg/RPM-GPG-KEY-keel')

  /** Before keel-release is there, the first repo file; afterwards only what it brought. */
  function options(): string[] {
    const born = existsSync(join(ownRepos, 'keel.repo'))
    const common = [`--installroot=${root}`, `--setopt=cachedir=${folder}/cache`, '--assumeyes']
    common.push(`--setopt=logdir=${folder}`, '--setopt=pluginpath=/nowhere', '--noplugins')
    return born
      ? // dnf reads gpgkey's file: addresses on the host even with an installroot.
        [...common, `--setopt=reposdir=${ownRepos}`, `--setopt=*.gpgkey=file://${ownKey}`]
      : [...common, `--setopt=reposdir=${repos}`, '--releasever=10']
  }

  return {
    root,
    async dnf(...args) {
      const command = [...options(), ...args]
      try {
        const { stdout } = await run('dnf', command, {
          maxBuffer: 64 * 1024 * 1024,
          timeout: 120_000,
        })
        return stdout
      } catch (error) {
        const { stdout, stderr } = error as { stdout?: string; stderr?: string }
        throw new Error(`dnf ${args.join(' ')}:\n${stdout}\n${stderr}`, { cause: error })
      }
    },
    async installed() {
      const { stdout } = await run('rpm', ['--root', root, '-qa'])
      return stdout
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('gpg-pubkey'))
        .sort()
    },
  }
}

/** What a file of the machine says. */
export const readIn = (machine: Machine, path: string) =>
  readFileSync(join(machine.root, path), 'utf8')
