/**
 * Driver `host`: rpmbuild with the builder's own tool chain. For bootstrapping and tests: it has no
 * package database, so build requirements are not installed and cannot be checked.
 */
import { existsSync } from 'node:fs'

/**
 * No debuginfo packages: they would need a debugedit and find-debuginfo that fit the host's rpm, and
 * a bootstrap build is rebuilt with mock before anyone debugs it.
 */
export const hostCommand = (srpm: string, arch: string): string[] => [
  ...['rpmbuild', '--rebuild', '--nodeps', '--target', arch],
  ...['--define', 'debug_package %{nil}', '--define', '_rpmdir /build/RPMS', srpm],
]

export interface Requirements {
  /** Met in all likelihood: a command of that name is there. */
  found: string[]
  unverified: string[]
}

/** Sorts BuildRequires by what a look at the host can tell. Without a package database that is little. */
export function lookForRequirements(
  requires: readonly string[],
  exists: (path: string) => boolean = existsSync,
): Requirements {
  const isThere = (require: string) => {
    const name = require.split(' ')[0] ?? ''
    if (/^\/usr\/[A-Za-z0-9._+/-]+$/.test(name) && !name.includes('..')) return exists(name)
    // A version cannot be checked by the name of a command.
    return (
      require === name && /^[A-Za-z0-9][A-Za-z0-9._+-]*$/.test(name) && exists(`/usr/bin/${name}`)
    )
  }
  return {
    found: requires.filter(isThere),
    unverified: requires.filter((require) => !isThere(require)),
  }
}
