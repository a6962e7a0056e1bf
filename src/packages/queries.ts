/** Drizzle of the packages room; no decisions. */
import { and, asc, desc, eq, inArray, isNull, or } from 'drizzle-orm'
import { pkg } from '../../db/schema/builds.ts'
import { package_binary, package_owner, package_request } from '../../db/schema/packages.ts'
import { chunks } from '../kernel/chunks.ts'
import type { Reader } from '../kernel/db.ts'
import type { OwnerRole } from './owner.ts'

export type PackageRow = typeof pkg.$inferSelect
export type OwnerRow = typeof package_owner.$inferSelect
export type RequestRow = typeof package_request.$inferSelect
export type BinaryRow = typeof package_binary.$inferSelect

const live = isNull(package_owner.ended_at)

export async function findPackage(db: Reader, name: string): Promise<PackageRow | undefined> {
  const [row] = await db.select().from(pkg).where(eq(pkg.name, name))
  return row
}

export async function packagesByName(db: Reader, names: string[]): Promise<PackageRow[]> {
  const found: PackageRow[] = []
  for (const part of chunks(names))
    found.push(...(await db.select().from(pkg).where(inArray(pkg.name, part))))
  return found
}

/** Those of these packages that somebody looks after. */
export async function keptPackages(db: Reader, ids: number[]): Promise<Set<number>> {
  const found = new Set<number>()
  for (const part of chunks(ids)) {
    const { package_id } = package_owner
    const rows = await db
      .selectDistinct({ package_id })
      .from(package_owner)
      .where(and(inArray(package_id, part), live))
    for (const row of rows) found.add(row.package_id)
  }
  return found
}

/** What a person is to each of these packages, themselves or by their groups; the others are left out. */
export async function rolesIn(
  db: Reader,
  ids: number[],
  person_id: number,
  group_ids: number[],
): Promise<Map<number, OwnerRole>> {
  const roles = new Map<number, OwnerRole>()
  const holder = or(
    eq(package_owner.person_id, person_id),
    group_ids.length > 0 ? inArray(package_owner.group_id, group_ids) : undefined,
  )
  for (const part of chunks(ids)) {
    const { package_id, role } = package_owner
    const rows = await db
      .select({ package_id, role })
      .from(package_owner)
      .where(and(inArray(package_id, part), live, holder))
    for (const row of rows)
      if (roles.get(row.package_id) !== 'owner') roles.set(row.package_id, row.role)
  }
  return roles
}

/** Live ones, owners first, then by date. */
export function ownersOf(db: Reader, package_id: number): Promise<OwnerRow[]> {
  return db
    .select()
    .from(package_owner)
    .where(and(eq(package_owner.package_id, package_id), live))
    .orderBy(desc(package_owner.role), asc(package_owner.id))
    .limit(200)
}

export interface Holder {
  person_id?: number
  group_id?: number
}

export async function liveOwner(
  db: Reader,
  package_id: number,
  { person_id, group_id }: Holder,
): Promise<OwnerRow | undefined> {
  const [row] = await db
    .select()
    .from(package_owner)
    .where(
      and(
        eq(package_owner.package_id, package_id),
        live,
        person_id === undefined ? undefined : eq(package_owner.person_id, person_id),
        group_id === undefined ? undefined : eq(package_owner.group_id, group_id),
      ),
    )
  return row
}

/** Names of the packages that a person looks after themselves, with their role. */
export function packagesOfPerson(db: Reader, person_id: number, limit: number) {
  return db
    .select({ name: pkg.name, role: package_owner.role, since: package_owner.since })
    .from(package_owner)
    .innerJoin(pkg, eq(pkg.id, package_owner.package_id))
    .where(and(eq(package_owner.person_id, person_id), live))
    .orderBy(asc(pkg.name))
    .limit(limit)
}

/** Oldest first. */
export function openRequests(db: Reader, name: string): Promise<RequestRow[]> {
  return db
    .select()
    .from(package_request)
    .where(and(eq(package_request.name, name), eq(package_request.state, 'open')))
    .orderBy(asc(package_request.id))
    .limit(200)
}

/** All that wait, oldest first, whatever the package. */
export function waitingRequests(db: Reader, limit: number): Promise<RequestRow[]> {
  return db
    .select()
    .from(package_request)
    .where(eq(package_request.state, 'open'))
    .orderBy(asc(package_request.id))
    .limit(limit)
}

/** The newest request of a person for a package, whatever became of it. */
export async function lastRequest(
  db: Reader,
  name: string,
  person_id: number,
): Promise<RequestRow | undefined> {
  const [row] = await db
    .select()
    .from(package_request)
    .where(and(eq(package_request.name, name), eq(package_request.person_id, person_id)))
    .orderBy(desc(package_request.id))
    .limit(1)
  return row
}

/** Binary packages of these names with the source packages that they belong to. */
export async function binariesByName(
  db: Reader,
  names: string[],
): Promise<{ binary: BinaryRow; holder: string }[]> {
  const found: { binary: BinaryRow; holder: string }[] = []
  for (const part of chunks(names))
    found.push(
      ...(await db
        .select({ binary: package_binary, holder: pkg.name })
        .from(package_binary)
        .innerJoin(pkg, eq(pkg.id, package_binary.package_id))
        .where(inArray(package_binary.name, part))),
    )
  return found
}

/** By name. */
export function binariesOf(db: Reader, package_id: number): Promise<BinaryRow[]> {
  return db
    .select()
    .from(package_binary)
    .where(eq(package_binary.package_id, package_id))
    .orderBy(asc(package_binary.name))
    .limit(1000)
}

/** What others offer to this package, with the packages that hold it. */
export function offersTo(db: Reader, package_id: number) {
  return db
    .select({ binary: package_binary, holder: pkg.name })
    .from(package_binary)
    .innerJoin(pkg, eq(pkg.id, package_binary.package_id))
    .where(eq(package_binary.offered_to, package_id))
    .orderBy(asc(package_binary.name))
    .limit(200)
}

export async function packageById(db: Reader, id: number): Promise<PackageRow | undefined> {
  const [row] = await db.select().from(pkg).where(eq(pkg.id, id))
  return row
}
