/** What the portal knows of a bug that updates name: it is as far as the update that goes farthest. Pure. */
import type { UpdateStatus } from './update.ts'

/** open: no live update names it any more. */
export type BugState = 'fixed' | 'testing' | 'pending' | 'open'

const states: Record<UpdateStatus, BugState> = {
  ...{ stable: 'fixed', testing: 'testing', pending: 'pending' },
  ...{ obsolete: 'open', unpushed: 'open' },
}
const order: BugState[] = ['fixed', 'testing', 'pending', 'open']

export interface KnownBug {
  url: string
  number: string
  title: string
  state: BugState
  /** Alias of the update that the state comes from. */
  update: string
}

export interface NamedBug {
  bug: { url: string; number: string; title: string }
  update: { alias: string; status: UpdateStatus }
}

/** One entry a bug, in the order in which they came. @param named newest update first */
export function knownBugs(named: readonly NamedBug[]): KnownBug[] {
  const bugs = new Map<string, KnownBug>()
  for (const { bug, update } of named) {
    const { url, number, title } = bug
    const state = states[update.status]
    const before = bugs.get(url)
    if (before && order.indexOf(before.state) <= order.indexOf(state)) continue
    bugs.set(url, {
      url,
      number,
      title: title || (before?.title ?? ''),
      state,
      update: update.alias,
    })
  }
  return [...bugs.values()]
}

/** Where a bug of the package is reported: the tracker's form, or its front page. */
export function newBugUrl(
  community: readonly { kind: string; url: string; new_bug_url?: string | undefined }[],
  name: string,
): string | undefined {
  const tracker = community.find(({ kind }) => kind === 'tracker')
  return tracker?.new_bug_url?.replaceAll('{package}', encodeURIComponent(name)) ?? tracker?.url
}
