/** Who may build, update and give away what goes by a package's name. Pure. */
import { type Reason, reason } from '../kernel/reason.ts'

export const ownerRoles = ['owner', 'maintainer'] as const
/** Both build and update; an owner also lets in others and gives binaries away. */
export type OwnerRole = (typeof ownerRoles)[number]

export interface Standing {
  admin: boolean
  /** Of the person or by a group, the higher one. */
  role: OwnerRole | null
}

export interface NameFacts {
  /** The package is there. */
  known: boolean
  /** Somebody looks after it. */
  kept: boolean
  /** Upstream or the distribution itself ships a package of this name. */
  shipped: boolean
}

/**
 * Why somebody can't build or update this package; empty when they can. A name that nobody ships is for whoever
 * comes first, all others are given.
 */
export function maintainsAgainst(name: string, facts: NameFacts, who: Standing): Reason[] {
  if (who.admin || who.role !== null) return []
  if (facts.kept) return [reason('package.kept', { name })]
  return facts.known || facts.shipped ? [reason('package.given-only', { name })] : []
}

/** Who gives and takes: owners, and administrators always. */
export const mayGive = (who: Standing): boolean => who.admin || who.role === 'owner'

/** Why somebody can't ask for a package; empty when they can. */
export function asksAgainst(
  name: string,
  facts: NameFacts & { role: OwnerRole | null; wants: OwnerRole; asked: boolean },
): Reason[] {
  if (!facts.known && !facts.shipped) return [reason('package.free', { name })]
  if (facts.role === 'owner' || facts.role === facts.wants)
    return [reason('package.has-already', { name })]
  return facts.asked ? [reason('package.asked-already')] : []
}

export interface BinaryFacts {
  name: string
  /** Source package that it belongs to; null while it is nobody's. */
  holder: string | null
  /** It is also the name of another source package, here or upstream. */
  source_of_another: boolean
}

/**
 * Why a build of this package can't have a binary package of that name; undefined when it can. What belongs to
 * nobody goes to whoever makes it first, but for names of other source packages, which only the team gives.
 */
export function binaryAgainst(
  own: string,
  { name, holder, source_of_another }: BinaryFacts,
  team: boolean,
): Reason | undefined {
  if (holder !== null)
    return holder === own ? undefined : reason('build.binary-taken', { binary: name, holder, own })
  if (source_of_another && !team) return reason('build.binary-reserved', { binary: name, own })
  return undefined
}
