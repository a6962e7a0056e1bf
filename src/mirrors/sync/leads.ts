/**
 * The last phase: what leads clients to metadata. It is fetched into a folder aside, looked at, and put into its
 * place by a rename, and only where everything that it promises is here.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Entry, Listing } from '../listing.ts'
import { isThere, linkAt, linkFile, putInPlace, replaceLink } from './disk.ts'
import { isUnder, promisedBy } from './plan.ts'
import { copyPaths } from './program.ts'
import type { Category } from './sync.ts'

/**
 * @param lacking what did not arrive: no lead that promises any of it is followed
 * @returns leads that were not followed, with the reason
 */
export async function followLeads(
  category: Category,
  next: Listing,
  leads: readonly Entry[],
  lacking: readonly Entry[],
): Promise<string[]> {
  if (leads.length === 0) return []
  const { root, source, state, options } = category
  const aside = join(state, 'leads')
  await rm(aside, { recursive: true, force: true })
  await mkdir(aside, { recursive: true })
  const names = leads.map((lead) => lead.path)
  await copyPaths(source, aside, names, options)
  const listed = new Set(next.entries.map((entry) => entry.path))
  const faults: string[] = []
  // A signature before what it signs: in this order they are in their places at almost the same moment.
  for (const lead of [...leads].sort((a, b) => (a.path < b.path ? 1 : -1))) {
    const folder = promisedBy(lead)
    const fault = lacking.some((entry) => isUnder(entry.path, folder))
      ? 'waits for files'
      : await (lead.type === 'l' ? followLink : followFile)(aside, root, lead, next, listed)
    if (fault !== undefined) faults.push(`${lead.path} (${fault})`)
  }
  await rm(aside, { recursive: true, force: true })
  return faults
}

type Follow = (
  aside: string,
  root: string,
  lead: Entry,
  next: Listing,
  listed: ReadonlySet<string>,
) => Promise<string | undefined>

/** `repodata` -> `.generations/<digest>/repodata`: one rename changes all of a repository's metadata. */
const followLink: Follow = async (aside, root, lead, _next, listed) => {
  const target = await linkAt(join(aside, lead.path))
  if (target === undefined) return 'is not there any more'
  const here = join(root, lead.path)
  const now = await linkAt(here)
  if (now === target) return undefined
  const folder = dirname(lead.path)
  if (!listed.has(`${folder}/${target}/repomd.xml`)) return 'the source has moved on'
  if (now !== undefined) await keepOldNames(join(root, folder, now), join(root, folder, target))
  await replaceLink(target, here)
  return undefined
}

/**
 * Whoever read the earlier repomd.xml asks for its files by the same link. They get them for as long as
 * removals wait: as second names, which are nobody's and go like everything that no list names.
 */
async function keepOldNames(from: string, to: string): Promise<void> {
  for (const name of await readdir(from).catch(() => []))
    if (!name.startsWith('repomd.xml')) await linkFile(join(from, name), join(to, name))
}

const followFile: Follow = async (aside, root, lead, next) => {
  if (!(await isThere(aside, lead))) return 'the source has moved on'
  const sum = next.checksums.get(lead.path)
  if (sum !== undefined) {
    const bytes = await readFile(join(aside, lead.path))
    if (createHash('sha256').update(bytes).digest('hex') !== sum) return 'has another checksum'
  }
  await putInPlace(join(aside, lead.path), join(root, lead.path))
  return undefined
}
