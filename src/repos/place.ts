/** Where a package is in one repository: what clients see of it now, and why it is not what is tagged. Pure. */
import { compareEvr, type Evr } from '../kernel/evr.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { archFits, type Stage } from './repository.ts'

/** A build, as much as its place asks. */
export interface PlacedBuild extends Evr {
  nvr: string
  /** Arches of its packages; `src` for the source package. */
  arches: readonly string[]
}

export interface PlaceFacts {
  stage: Stage
  arch: string
  /** Builds with packages in the metadata that clients see. */
  published: readonly PlacedBuild[]
  /** Builds in the tag that the repository is made of. */
  tagged: readonly PlacedBuild[]
}

export interface Standing {
  /** What a client gets; undefined where the package is not there. */
  nvr: string | undefined
  /** Older builds of it that are kept beside. */
  older: string[]
  /** Why it is not there, or not the newest that is tagged. Empty when nothing is to come. */
  reasons: Reason[]
}

/** What clients get of a package from one repository, newest first, and what is to come or lacks. */
export function standingIn({ stage, arch, published, tagged }: PlaceFacts): Standing {
  const [newest, ...older] = published.toSorted((a, b) => compareEvr(b, a))
  const fitting = tagged.filter((each) => each.arches.some((own) => archFits(own, arch)))
  const [due] = fitting.toSorted((a, b) => compareEvr(b, a))
  const reasons: Reason[] = []
  if (due && due.nvr !== newest?.nvr) reasons.push(reason('place.next-push', { nvr: due.nvr }))
  if (newest && !due) reasons.push(reason('place.leaves', { nvr: newest.nvr }))
  if (!newest && !due) reasons.push(absent(stage, arch, tagged))
  return { nvr: newest?.nvr, older: older.map(({ nvr }) => nvr), reasons }
}

function absent(stage: Stage, arch: string, tagged: readonly PlacedBuild[]): Reason {
  const [other] = tagged
  if (other) return reason('place.no-arch', { nvr: other.nvr, arch })
  return reason(`place.none-${stage}`)
}
