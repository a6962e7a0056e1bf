/**
 * The `settlePush` task: what no client can be reading any more leaves the trees of a release. It is no part of a
 * push: where it fails, it is tried again, and pushes go on.
 */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { and, eq, inArray } from 'drizzle-orm'
import { z } from 'zod'
import { push } from '../../db/schema/updates.ts'
import { DAY_MS } from '../kernel/clock.ts'
import { dataPath } from '../kernel/config.ts'
import type { Ctx } from '../kernel/context.ts'
import { listRepositories } from '../repos/repositories.ts'
import { settleRepository } from '../repos/settle.ts'
import { closed, type TaskHandler } from '../tasks/handler.ts'

const payloadSchema = z.object({ release: z.string() })

export const settleTask: TaskHandler<z.infer<typeof payloadSchema>> = {
  method: 'settlePush',
  payload: payloadSchema,
  async run(run) {
    const { ctx, payload } = run
    const rows = await listRepositories(ctx.app.db, payload.release)
    for (const [at, row] of rows.entries()) {
      await run.progress(at, rows.length, row.path)
      await settleRepository(ctx, row)
    }
    await removeStages(ctx)
    await removeImports(ctx)
    return closed()
  },
}

/** Folders of pushes that are over. */
async function removeStages(ctx: Ctx): Promise<void> {
  const { app } = ctx
  const work = dataPath(app.config, 'work')
  const names = await readdir(work).catch((): string[] => [])
  const ids = names.flatMap((name) => {
    const [, number] = /^push-(\d+)$/.exec(name) ?? []
    return number === undefined ? [] : [Number(number)]
  })
  if (ids.length === 0) return
  const running = await app.db
    .select({ id: push.id })
    .from(push)
    .where(and(inArray(push.id, ids.slice(0, 1000)), eq(push.state, 'running')))
  const busy = new Set(running.map(({ id }) => id))
  for (const id of ids)
    if (!busy.has(id)) await rm(join(work, `push-${id}`), { recursive: true, force: true })
}

/** Folders of imports that a kill has left; none takes as long. */
async function removeImports({ app }: Ctx): Promise<void> {
  const work = dataPath(app.config, 'work')
  for (const name of await readdir(work).catch((): string[] => [])) {
    if (!name.startsWith('import-')) continue
    const found = await stat(join(work, name)).catch(() => undefined)
    if (found && found.mtimeMs < app.clock.now() - DAY_MS)
      await rm(join(work, name), { recursive: true, force: true })
  }
}
