/** Why someone gets the mirrors that it gets: for any address and repository, from what edges answer by now. */
import type { Ctx } from '../kernel/context.ts'
import type { Explanation, Query } from './edge/answer.ts'
import { webEdgeOf } from './web-edge.ts'

/** @returns undefined for a repository that is not published, or while there is no snapshot */
export async function explainChoice(ctx: Ctx, query: Query): Promise<Explanation | undefined> {
  const edge = await webEdgeOf(ctx.app).current()
  return edge?.explain({ ...query, address: ctx.address })
}

/** Repositories that can be asked about. */
export async function explainable(ctx: Ctx): Promise<{ name: string; arch: string }[]> {
  const edge = await webEdgeOf(ctx.app).current()
  return edge?.snapshot.repositories.map(({ name, arch }) => ({ name, arch })) ?? []
}
