/**
 * What a push does with a package that can't be in a repository: the update that brings it goes back with the
 * reason; one that nobody in the push brings is left out and noted. Either way the rest goes on.
 */
import { eq, inArray } from 'drizzle-orm'
import { rpm } from '../../db/schema/builds.ts'
import { chunks } from '../kernel/chunks.ts'
import type { Reader } from '../kernel/db.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { sayReason } from '../kernel/words.ts'
import type { FileFault } from '../repos/compose.ts'
import { pushMembers } from './push-plan.ts'
import { addNote, ejectUpdate, type PushRow, restartPush } from './push-rows.ts'
import type { PushRun } from './push-task.ts'
import { buildsByUpdate } from './queries.ts'

const codes = { damaged: 'push.file-damaged', dropped: 'push.file-dropped' } as const

/** More than a few at once are no bad packages but a bad disk or tool: then nothing is left out. */
const LEFT_OUT_MAX = 20

async function buildsOfRpms(db: Reader, ids: number[]): Promise<Map<number, number>> {
  const found = new Map<number, number>()
  for (const part of chunks(ids)) {
    const rows = await db
      .select({ id: rpm.id, build_id: rpm.build_id })
      .from(rpm)
      .where(inArray(rpm.id, part))
    for (const { id, build_id } of rows) found.set(id, build_id)
  }
  return found
}

/** Sends the push back to its first step, without what is at fault. */
export async function removeFaulty(run: PushRun, row: PushRow, faults: FileFault[]): Promise<void> {
  const { app } = run.ctx
  const buildOf = await buildsOfRpms(app.db, [...new Set(faults.map(({ rpm_id }) => rpm_id))])
  const members = await pushMembers(app.db, row.id)
  const builds = await buildsByUpdate(
    app.db,
    members.map(({ update }) => update.id),
  )
  const t = app.words.in('en')
  await run.transaction(async (tx) => {
    const left = new Map(faults.map((fault) => [fault.rpm_id, fault]))
    for (const { update: member } of members) {
      const own = new Set((builds.get(member.id) ?? []).map(({ id }) => id))
      const its = [...left.values()].filter(({ rpm_id }) => own.has(buildOf.get(rpm_id) ?? 0))
      if (its.length === 0) continue
      for (const { rpm_id } of its) left.delete(rpm_id)
      const reasons = its.map(saidOf)
      await run.log(`${member.alias} goes back: ${reasons.map((r) => sayReason(t, r)).join(' ')}`)
      await ejectUpdate(tx, run.ctx, row.id, member, reasons)
    }
    if (left.size > LEFT_OUT_MAX)
      throw new Error(
        `${left.size} packages that no update brings can't be read, ${[...left.values()][0]?.filename} among them`,
      )
    for (const { rpm_id, filename, why } of left.values()) {
      await tx.update(rpm).set({ unreadable: why }).where(eq(rpm.id, rpm_id))
      await addNote(tx, row, reason('push.left-out', { filename }))
    }
    await restartPush(tx, row.id)
  })
}

const saidOf = ({ filename, why }: FileFault): Reason => reason(codes[why], { filename })
