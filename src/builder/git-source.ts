/**
 * Fetches one commit from a git server. git runs in the sandbox too (with the network, without
 * anything from the package), connects only to the address that was checked, follows no redirect and
 * runs no hook, filter or submodule.
 */
import { lookup } from 'node:dns/promises'
import ipaddr from 'ipaddr.js'
import { checkGitRef, checkGitUrl, hostAndPort, isPrivateAddress } from '../kernel/source-url.ts'
import { BuildFailure } from './failure.ts'
import type { Limits } from './protocol.ts'
import { rpmMessage } from './rpm.ts'
import { runCommand, type Work } from './work.ts'

const limit_s = 900

/** All addresses of a host name; throws when it has none. */
export type Resolve = (host: string) => Promise<string[]>

const resolveByDns: Resolve = async (host) => {
  const found = await lookup(host, { all: true })
  return found.map(({ address }) => address)
}

/**
 * @returns the address as git gets it, and curl's `host:port:address` entry that pins it
 * @throws BuildFailure when the address is not allowed or does not resolve
 */
export async function pinGitUrl(
  url: string,
  privateSources: readonly string[],
  resolve: Resolve = resolveByDns,
) {
  const refused = checkGitUrl(url, privateSources)[0]
  if (refused) throw new BuildFailure(refused.code, refused.params)
  const parsed = new URL(url)
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  const addresses = ipaddr.isValid(host)
    ? [host]
    : await resolve(host).catch((error: Error) => {
        throw new BuildFailure('build.url-unresolved', { host, message: error.message })
      })
  const hidden = addresses.find((address) => isPrivateAddress(address))
  if (addresses.length === 0) throw new BuildFailure('build.url-unresolved', { host, message: '' })
  if (hidden !== undefined && !privateSources.includes(hostAndPort(parsed))) {
    throw new BuildFailure('build.url-private', { host })
  }
  const literal = (address: string) => (address.includes(':') ? `[${address}]` : address)
  return { url: parsed.href, pin: `${hostAndPort(parsed)}:${addresses.map(literal).join(',')}` }
}

function gitSettings(scheme: string, pin: string): string[] {
  const settings = {
    'http.curloptResolve': pin,
    'http.followRedirects': 'false',
    'http.lowSpeedLimit': '1000',
    'http.lowSpeedTime': '60',
    'protocol.allow': 'never',
    [`protocol.${scheme}.allow`]: 'always',
    'fetch.fsckObjects': 'true',
    'fetch.recurseSubmodules': 'false',
    'core.hooksPath': '/dev/null',
    // A link in a package's sources would point out of them; as a file it does nothing.
    'core.symlinks': 'false',
    'core.fsmonitor': 'false',
    'advice.detachedHead': 'false',
    'init.defaultBranch': 'main',
    'gc.auto': '0',
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/**
 * Checks the commit out into /build/git.
 * @throws BuildFailure with git's own words when it cannot be fetched
 */
export async function fetchGit(
  work: Work,
  source: { url: string; ref: string },
  dist: string,
  limits: Limits,
) {
  const refused = checkGitRef(source.ref)[0]
  if (refused) throw new BuildFailure(refused.code, refused.params)
  const { url, pin } = await pinGitUrl(source.url, work.config.private_sources)
  work.log.say(`git fetch ${url} ${source.ref}`)
  const settings = gitSettings(new URL(url).protocol.slice(0, -1), pin)
  const env = {
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    GIT_LFS_SKIP_SMUDGE: '1',
  }
  const bounded = { ...limits, time_s: Math.min(limits.time_s, limit_s) }
  const git = (network: boolean, ...rest: string[]) =>
    runCommand(work, { argv: ['git', ...settings, ...rest], dist, limits: bounded, network, env })
  const steps = [
    () => git(false, 'init', '--quiet', '--template=', '/build/git'),
    () =>
      git(
        true,
        '-C',
        '/build/git',
        'fetch',
        '--depth=1',
        '--no-tags',
        '--no-progress',
        '--',
        url,
        source.ref,
      ),
    () => git(false, '-C', '/build/git', 'checkout', '--quiet', '--detach', 'FETCH_HEAD'),
    () => git(false, '-C', '/build/git', 'log', '-1', '--format=commit %H, %cI'),
  ]
  for (const step of steps) {
    const end = await step()
    if (end.exit_code !== 0) {
      throw new BuildFailure('build.git-failed', {
        url,
        ref: source.ref,
        message: gitMessage(end.output),
      })
    }
  }
}

function gitMessage(output: string): string {
  const said = output.split('\n').filter((line) => /^(fatal|error|remote):/.test(line))
  return said.length > 0 ? said.join(' ').slice(0, 500) : rpmMessage(output)
}
