/** Groups as everyone sees them: those who hold a role, by name. */
import { and, asc, count, eq, isNotNull, like, or } from 'drizzle-orm'
import { person, person_role } from '../../db/schema/accounts.ts'
import type { Ctx } from '../kernel/context.ts'
import type { GrantedRole } from './person.ts'

export interface Member {
  username: string
  display_name: string
}

const shown = { username: person.username, display_name: person.display_name }

/** People with a role, by name; those who are not verified are not there yet. */
export function holdersOf(ctx: Ctx, role: GrantedRole): Promise<Member[]> {
  return ctx.app.db
    .select(shown)
    .from(person_role)
    .innerJoin(person, eq(person.id, person_role.person_id))
    .where(and(eq(person_role.role, role), isNotNull(person.verified_at)))
    .orderBy(asc(person.username))
    .limit(1000)
}

/** How many people hold each role. */
export async function countHolders(ctx: Ctx): Promise<Map<GrantedRole, number>> {
  const rows = await ctx.app.db
    .select({ role: person_role.role, n: count() })
    .from(person_role)
    .innerJoin(person, eq(person.id, person_role.person_id))
    .where(isNotNull(person.verified_at))
    .groupBy(person_role.role)
  return new Map(rows.map(({ role, n }) => [role, n]))
}

/** People whose name has the words in it. @param words as typed; marks of LIKE are taken out */
export function searchPeople(ctx: Ctx, words: string, limit: number): Promise<Member[]> {
  const pattern = `%${words.toLowerCase().replace(/[\\%_]/g, '')}%`
  return ctx.app.db
    .select(shown)
    .from(person)
    .where(
      and(
        isNotNull(person.verified_at),
        or(like(person.username, pattern), like(person.display_name, pattern)),
      ),
    )
    .orderBy(asc(person.username))
    .limit(limit)
}
