/**
 * updateinfo.xml as dnf reads it, entry by entry: a release's whole file is too large for one document in
 * memory. Elements and attributes are those that libsolv's repo_updateinfoxml parses and that createrepo_c
 * writes; order as in Fedora's and Red Hat's files. Pure.
 */
import { element, openTag, type Xml } from '../kernel/xml.ts'

export interface UpdateinfoPackage {
  name: string
  epoch: number
  version: string
  release: string
  arch: string
  filename: string
  /** File name of the source package. */
  src: string
  sha256: string
}

export interface UpdateinfoEntry {
  /** Advisory number, or an update's alias while it is in testing. */
  id: string
  type: 'security' | 'bugfix' | 'enhancement' | 'newpackage'
  status: 'stable' | 'testing'
  title: string
  /** Milliseconds since the epoch. */
  issued_at: number
  updated_at: number
  severity: string
  summary: string
  description: string
  rights: string
  release: string
  from: string
  references: { type: string; id: string; href: string; title: string }[]
  collection: string
  packages: UpdateinfoPackage[]
  reboot_suggested: boolean
}

/** `2026-01-05 12:00:00`, UTC, as every producer of the format writes it. */
const stamp = (at_ms: number) => new Date(at_ms).toISOString().slice(0, 19).replace('T', ' ')

function packageElement(each: UpdateinfoPackage, reboot_suggested: boolean): Xml {
  const { name, version, release, epoch, arch, src } = each
  return element(
    'package',
    { name, version, release, epoch, arch, src },
    element('filename', {}, each.filename),
    element('sum', { type: 'sha256' }, each.sha256),
    ...(reboot_suggested ? [element('reboot_suggested', {}, 'True')] : []),
  )
}

/** One entry, a line a package. Call it only for an entry with packages: clients have no use for others. */
export function renderEntry(entry: UpdateinfoEntry): string {
  const { from, status, type, references } = entry
  const collection = element(
    'collection',
    { short: entry.collection },
    element('name', {}, entry.release),
    ...entry.packages.flatMap((each) => ['\n', packageElement(each, entry.reboot_suggested)]),
  )
  return `${
    element(
      'update',
      { from, status, type, version: 1 },
      element('id', {}, entry.id),
      element('title', {}, entry.title),
      element('issued', { date: stamp(entry.issued_at) }),
      element('updated', { date: stamp(entry.updated_at) }),
      element('rights', {}, entry.rights),
      element('release', {}, entry.release),
      element('severity', {}, entry.severity),
      element('summary', {}, entry.summary),
      element('description', {}, entry.description),
      element(
        'references',
        {},
        ...references.map(({ href, id, type: kind, title }) =>
          element('reference', { href, id, type: kind, title }),
        ),
      ),
      element('pkglist', {}, collection),
    ).text
  }\n`
}

/** What stands before and behind all entries. */
export const updateinfoHead = `<?xml version="1.0" encoding="UTF-8"?>\n${openTag('updates')}\n`
export const updateinfoTail = '</updates>\n'
