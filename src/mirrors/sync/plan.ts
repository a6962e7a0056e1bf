/**
 * What a mirror has to do to come from what it has to a list: in which order, so that no client ever meets
 * metadata whose files are not there. Pure.
 */
import type { Entry, Listing } from '../listing.ts'

export interface Plan {
  /** Everything that no other file promises: packages, images, folders. Comes first. */
  content: Entry[]
  /** Metadata that names content, in folders that nobody is led to yet. */
  metadata: Entry[]
  /** What leads clients to metadata: `repodata` links, repomd.xml, .treeinfo. Comes last, if all is there. */
  leads: Entry[]
}

const LEADS = /(^|\/)(repomd\.xml(\.(asc|key))?|\.treeinfo|\.composeinfo|\.discinfo|CHECKSUM[^/]*)$/
const GENERATION = /(^|\/)\.generations\//

/** In a generation's folder even repomd.xml leads nobody anywhere: the link `repodata` does. */
function phaseOf({ path, type }: Entry): keyof Plan {
  if (GENERATION.test(path)) return 'metadata'
  if (type === 'l' && /(^|\/)repodata$/.test(path)) return 'leads'
  if (type !== 'd' && LEADS.test(path)) return 'leads'
  return /(^|\/)repodata\//.test(path) ? 'metadata' : 'content'
}

export const sameEntry = (a: Entry, b: Entry | undefined) =>
  b !== undefined &&
  a.type === b.type &&
  (a.type !== 'f' || (a.size_bytes === b.size_bytes && a.mtime_s === b.mtime_s))

/**
 * @param before the list that the mirror has all of; undefined at its first sync
 * @returns what differs
 */
export function planOf(before: Listing | undefined, next: Listing): Plan {
  const had = new Map(before?.entries.map((entry) => [entry.path, entry]))
  const plan: Plan = { content: [], metadata: [], leads: [] }
  for (const entry of next.entries) {
    const phase = phaseOf(entry)
    const same = sameEntry(entry, had.get(entry.path)) && !changedSum(before, next, entry.path)
    // A link keeps neither size nor time, and there are few: all are looked at.
    if (!same || (entry.type === 'l' && phase === 'leads')) plan[phase].push(entry)
  }
  return plan
}

/** Two files of one size in one second differ all the same. */
function changedSum(before: Listing | undefined, next: Listing, path: string): boolean {
  const sum = next.checksums.get(path)
  return sum !== undefined && before !== undefined && before.checksums.get(path) !== sum
}

/** The folder whose files a lead promises: its repository, or the tree that a .treeinfo is about. */
export function promisedBy(lead: Entry): string {
  const parts = lead.path.split('/')
  const repodata = parts.lastIndexOf('repodata')
  return parts.slice(0, repodata >= 0 ? repodata : -1).join('/')
}

/** Whether a path is of a folder, or the folder itself is the whole tree. */
export const isUnder = (path: string, folder: string) =>
  folder === '' || path.startsWith(`${folder}/`)
