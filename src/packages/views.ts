/** Who looks after a package and what it may be called by, as pages and API show it. */
import { groupNames } from '../accounts/groups.ts'
import { usernameOf } from '../accounts/people.ts'
import { requireRole } from '../kernel/access.ts'
import type { Ctx } from '../kernel/context.ts'
import { must } from '../kernel/must.ts'
import { maintainsAgainst, mayGive, type OwnerRole } from './owner.ts'
import { standingsIn, whoActs, whoIs } from './owners.ts'
import {
  type BinaryRow,
  binariesOf,
  lastRequest,
  offersTo,
  openRequests,
  ownersOf,
  type PackageRow,
  packageById,
  type RequestRow,
  waitingRequests,
} from './queries.ts'

export interface OwnerView {
  kind: 'person' | 'group'
  /** Username, or the group's name as it stands in addresses. */
  name: string
  /** For people to read. */
  title: string
  role: OwnerRole
  since: number
  given_by: string
}

export interface BinaryView {
  binary: BinaryRow
  /** Source package that it is offered to. */
  offered_to: string | null
}

export interface OwnersView {
  owners: OwnerView[]
  /** By name. */
  binaries: BinaryView[]
  /** What other packages offer to this one. */
  offers: { binary: BinaryRow; holder: string }[]
  /** Whoever reads may build and update it. */
  maintains: boolean
  /** Whoever reads may give and take it, and decide about requests. */
  gives: boolean
  /** Only for those who may decide; oldest first. */
  requests: { request: RequestRow; username: string }[]
  /** Of whoever reads. */
  own: { role: OwnerRole | null; request: RequestRow | undefined }
}

export async function ownersView(ctx: Ctx, row: PackageRow): Promise<OwnersView> {
  const { db } = ctx.app
  const me = ctx.actor.kind === 'person' ? ctx.actor : undefined
  // Nobody sees what the portal itself may.
  const who = me ? await whoActs(db, ctx) : await whoIs(db, null)
  const { facts, standing } = must((await standingsIn(ctx.app, db, who, [row.name]))[0])
  const known = me !== undefined || ctx.actor.kind === 'system'
  const gives = known && mayGive(standing)
  const binaries = await binariesOf(db, row.id)
  return {
    owners: await ownerViews(ctx, row.id),
    binaries: await Promise.all(
      binaries.map(async (binary) => ({
        binary,
        offered_to:
          binary.offered_to === null
            ? null
            : ((await packageById(db, binary.offered_to))?.name ?? null),
      })),
    ),
    offers: await offersTo(db, row.id),
    maintains: known && maintainsAgainst(row.name, facts, standing).length === 0,
    gives,
    requests: gives ? await withNames(ctx, await openRequests(db, row.name)) : [],
    own: { role: standing.role, request: me && (await lastRequest(db, row.name, me.id)) },
  }
}

async function ownerViews(ctx: Ctx, package_id: number): Promise<OwnerView[]> {
  const { db } = ctx.app
  const rows = await ownersOf(db, package_id)
  const groups = await groupNames(
    db,
    rows.flatMap(({ group_id }) => group_id ?? []),
  )
  const views: OwnerView[] = []
  for (const { person_id, group_id, role, since, given_by } of rows) {
    const username = person_id === null ? undefined : await usernameOf(ctx, person_id)
    const group = group_id === null ? undefined : groups.get(group_id)
    const about = { role, since, given_by }
    if (username) views.push({ kind: 'person', name: username, title: username, ...about })
    if (group) views.push({ kind: 'group', ...group, ...about })
  }
  return views
}

async function withNames(ctx: Ctx, rows: RequestRow[]) {
  return Promise.all(
    rows.map(async (request) => ({
      request,
      username: (await usernameOf(ctx, request.person_id)) ?? '',
    })),
  )
}

/** All requests that wait, of whatever package, oldest first: the team's list. @throws PortalError account.* */
export async function requestsThatWait(ctx: Ctx, limit = 100) {
  requireRole(ctx, 'admin', 'admin')
  return withNames(ctx, await waitingRequests(ctx.app.db, limit))
}
