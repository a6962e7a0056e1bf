/**
 * The files by which installers know a tree: .treeinfo in the format of productmd 1.2, .discinfo, and
 * media.repo. Formats: productmd's documentation, "treeinfo file format 1.2" and "discinfo". Pure.
 */

export interface TreeFacts {
  /** Of the distribution: Keel Linux. */
  name: string
  /** Short name: keel. */
  id: string
  version: string
  arch: string
  /** Seconds since the epoch. */
  timestamp_s: number
  /** Repositories, each in a folder of its name; the first is the main one. */
  variants: string[]
  /** Files of the tree that installers load, with their SHA-256. */
  checksums: Record<string, string>
  boot: { kernel: string; initrd: string; efi: string | undefined } | undefined
}

type Section = [name: string, entries: [key: string, value: string | number][]]

const oneLine = (value: string | number) => String(value).replaceAll(/\s+/g, ' ').trim()

function renderIni(sections: Section[]): string {
  return sections
    .map(([name, entries]) =>
      [`[${name}]`, ...entries.map(([key, value]) => `${key} = ${oneLine(value)}`), ''].join('\n'),
    )
    .join('\n')
}

export function renderTreeinfo(tree: TreeFacts): string {
  const { name, id, version, arch, timestamp_s, boot } = tree
  const [main = ''] = tree.variants
  const variants = [...tree.variants].sort().join(',')
  const sections: Section[] = []
  const checksums = Object.entries(tree.checksums).sort(([a], [b]) => (a < b ? -1 : 1))
  sections.push(['checksums', checksums.map(([path, digest]) => [path, `sha256:${digest}`])])
  sections.push([
    // For readers older than productmd.
    'general',
    [
      ['arch', arch],
      ['family', name],
      ['name', `${name} ${version}`],
      ['packagedir', `${main}/Packages`],
      ['platforms', arch],
      ['repository', main],
      ['timestamp', timestamp_s],
      ['variant', main],
      ['variants', variants],
      ['version', version],
    ],
  ])
  sections.push([
    'header',
    [
      ['type', 'productmd.treeinfo'],
      ['version', '1.2'],
    ],
  ])
  if (boot)
    sections.push([
      `images-${arch}`,
      [
        ...(boot.efi === undefined ? [] : [['efiboot.img', boot.efi] as [string, string]]),
        ['initrd', boot.initrd],
        ['kernel', boot.kernel],
      ],
    ])
  sections.push([
    'media',
    [
      ['discnum', 1],
      ['totaldiscs', 1],
    ],
  ])
  sections.push([
    'release',
    [
      ['name', name],
      ['short', id],
      ['version', version],
    ],
  ])
  sections.push([
    'tree',
    [
      ['arch', arch],
      ['build_timestamp', timestamp_s],
      ['platforms', arch],
      ['variants', variants],
    ],
  ])
  for (const variant of [...tree.variants].sort())
    sections.push([
      `variant-${variant}`,
      [
        ['id', variant],
        ['name', variant],
        ['packages', `${variant}/Packages`],
        ['repository', variant],
        ['type', 'variant'],
        ['uid', variant],
      ],
    ])
  return renderIni(sections)
}

/** Four lines: when, what, for which arch, which discs. */
export function renderDiscinfo({ name, version, arch, timestamp_s }: TreeFacts): string {
  return `${timestamp_s}\n${oneLine(name)} ${version}\n${arch}\nALL\n`
}

/** Anaconda copies it to the new system for the time of the installation; mediaid is that of .discinfo. */
export function renderMediaRepo({ name, version, timestamp_s }: TreeFacts): string {
  return [
    '[InstallMedia]',
    `name=${oneLine(name)} ${version}`,
    `mediaid=${timestamp_s}`,
    'metadata_expire=-1',
    'gpgcheck=1',
    'cost=500',
    '',
  ].join('\n')
}
