/**
 * updateinfo.xml as dnf reads it. Elements and attributes are those that libsolv's repo_updateinfoxml
 * parses and that createrepo_c writes; order as in Fedora's and Red Hat's files. Pure.
 */
import { create } from 'xmlbuilder2'

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

/** What XML 1.0 can't hold (section 2.2) goes: one such character would make dnf drop the file. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that it removes
const impossible = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g
const safe = (text: string) => text.toWellFormed().replace(impossible, '')

type Xml = ReturnType<typeof create>

function addPackages(parent: Xml, entry: UpdateinfoEntry): void {
  const collection = parent.ele('pkglist').ele('collection', { short: safe(entry.collection) })
  collection.ele('name').txt(safe(entry.release))
  for (const each of entry.packages) {
    const { name, version, release, arch, src } = each
    const pkg = collection.ele('package', {
      ...{ name, version, release, epoch: String(each.epoch), arch, src },
    })
    pkg.ele('filename').txt(each.filename)
    pkg.ele('sum', { type: 'sha256' }).txt(each.sha256)
    if (entry.reboot_suggested) pkg.ele('reboot_suggested').txt('True')
  }
}

function addEntry(updates: Xml, entry: UpdateinfoEntry): void {
  const { from, status, type } = entry
  const update = updates.ele('update', { from: safe(from), status, type, version: '1' })
  update.ele('id').txt(entry.id)
  update.ele('title').txt(safe(entry.title))
  update.ele('issued', { date: stamp(entry.issued_at) })
  update.ele('updated', { date: stamp(entry.updated_at) })
  update.ele('rights').txt(safe(entry.rights))
  update.ele('release').txt(safe(entry.release))
  update.ele('severity').txt(entry.severity)
  update.ele('summary').txt(safe(entry.summary))
  update.ele('description').txt(safe(entry.description))
  const references = update.ele('references')
  for (const { href, id, type: kind, title } of entry.references)
    references.ele('reference', {
      ...{ href: safe(href), id: safe(id), type: kind, title: safe(title) },
    })
  addPackages(update, entry)
}

/** @returns undefined where there is nothing to say: a repository then has no updateinfo */
export function renderUpdateinfo(entries: UpdateinfoEntry[]): string | undefined {
  const filled = entries.filter((entry) => entry.packages.length > 0)
  if (filled.length === 0) return undefined
  const document = create({ version: '1.0', encoding: 'UTF-8' })
  const updates = document.ele('updates')
  for (const entry of filled) addEntry(updates, entry)
  return document.end({ prettyPrint: true })
}
