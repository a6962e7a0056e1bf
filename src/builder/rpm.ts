/** What the builder tells rpm, and what it reads out of packages. rpm itself runs in the sandbox. */
import { areRpmParts } from '../kernel/rpm-name.ts'
import type { Distributor } from './protocol.ts'

/**
 * Macros of every rpm program in the sandbox (/etc/rpm/macros.slipway). Times come from the changelog
 * and the host's name is fixed, so that the same source gives the same package.
 */
export function rpmMacros(dist: string, { vendor, packager, build_host }: Distributor): string {
  const macros = {
    _topdir: '/build',
    _dbpath: '/tmp/rpmdb',
    _tmppath: '/build/tmp',
    dist,
    _buildhost: build_host,
    ...(vendor !== '' && { vendor }),
    ...(packager !== '' && { packager }),
    // Specs of Enterprise Linux take bash for granted.
    _buildshell: '/bin/bash',
    source_date_epoch_from_changelog: '1',
    use_source_date_epoch_as_buildtime: '1',
    clamp_mtime_to_source_date_epoch: '1',
    // The same payload whatever host builds: RHEL's since 9. Its reader is in every rpm since 4.14.
    _binary_payload: 'w19.zstdio',
    _source_payload: 'w9.gzdio',
    _build_id_links: 'none',
  }
  return Object.entries(macros)
    .map(([name, value]) => `%${name} ${value}\n`)
    .join('')
}

const one = ['NAME', 'EPOCHNUM', 'VERSION', 'RELEASE', 'ARCH'] as const
const many = ['EXCLUSIVEARCH', 'EXCLUDEARCH', 'BUILDARCHS', 'REQUIRENEVRS'] as const

/** Query format for `rpm --qf`: a line a value, its tag before it; a list's lines repeat the tag. */
export const queryFormat = [
  ...one.map((tag) => `${tag}=%{${tag}}\\n`),
  ...many.map((tag) => `[${tag}=%{${tag}}\\n]`),
].join('')

export interface Header {
  name: string
  epoch: number
  version: string
  release: string
  arch: string
  exclusive_arches: string[]
  exclude_arches: string[]
  build_arches: string[]
  requires: string[]
}

/**
 * @param text what `rpm -q --qf` with `queryFormat` printed about one package
 * @returns undefined when it is not the header of a package with a usable name, version and release
 */
export function parseHeader(text: string): Header | undefined {
  const values = (tag: string) =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${tag}=`))
      .map((line) => line.slice(tag.length + 1))
      .filter((value) => value !== '(none)')
  const [name = '', version = '', release = '', arch = ''] = [
    'NAME',
    'VERSION',
    'RELEASE',
    'ARCH',
  ].map((tag) => values(tag)[0] ?? '')
  const epoch = Number(values('EPOCHNUM')[0])
  if (!areRpmParts({ name, epoch, version, release, arch })) return undefined
  return {
    ...{ name, epoch, version, release, arch },
    exclusive_arches: values('EXCLUSIVEARCH'),
    exclude_arches: values('EXCLUDEARCH'),
    build_arches: values('BUILDARCHS'),
    requires: values('REQUIRENEVRS').filter((value) => !value.startsWith('rpmlib(')),
  }
}

/** Text of a header that metadata repeat; in what a package is asked about them no list has a mark. */
const texts = [
  ...['SUMMARY', 'DESCRIPTION', 'LICENSE', 'URL', 'GROUP', 'PACKAGER', 'VENDOR', 'BUILDHOST'],
  ...['CHANGELOGNAME', 'CHANGELOGTEXT', 'FILENAMES', 'PROVIDENEVRS', 'REQUIRENEVRS'],
  ...['CONFLICTNEVRS', 'OBSOLETENEVRS', 'RECOMMENDNEVRS', 'SUGGESTNEVRS', 'SUPPLEMENTNEVRS'],
]
const single = new Set(texts.slice(0, 8))

/** Query format that prints the text of one tag, or of all. */
export const textFormat = (tags: readonly string[] = texts): string =>
  tags.map((tag) => (single.has(tag) ? `%{${tag}}\\n` : `[%{${tag}}\\n]`)).join('')

export const textTags: readonly string[] = texts

/** The first character that XML has no way to write, so that createrepo_c leaves the package out. */
export function controlCharacter(bytes: Uint8Array): number | undefined {
  return bytes.find((byte) => byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13)
}

/** What of rpm's messages says why: its errors, else its last words. At most 1000 characters. */
export function rpmMessage(output: string): string {
  const said = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const errors = said.filter((line) => /^error:|: error:/.test(line))
  return (errors.length > 0 ? errors.slice(0, 5) : said.slice(-2))
    .join(' ')
    .replace(/\s+/g, ' ')
    .slice(0, 1000)
}
