/**
 * The `push` task: gate, tags, repository trees with updateinfo, self-check, announcement,
 * switch, statuses, settle.
 * The push row names the step that comes next and moves in the transaction of a step's effects, so a
 * push that was killed goes on where it was.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import { push, update } from '../../db/schema/updates.ts'
import { releaseTags } from '../builds/build.ts'
import { rpmsOfBuilds } from '../builds/builds.ts'
import { tagBuild, untagBuild } from '../builds/tags.ts'
import { issueAdvisory, type NewAdvisory } from '../errata/errata.ts'
import { SECOND_MS } from '../kernel/clock.ts'
import type { Tx } from '../kernel/db.ts'
import { emit, type Subscriber } from '../kernel/events.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { sayReason } from '../kernel/words.ts'
import { checkRepository } from '../repos/check.ts'
import { composeRepository, keepGeneration, removeStage } from '../repos/compose.ts'
import { announceGeneration, settleRepository, switchGeneration } from '../repos/publish.ts'
import { draftedGenerations } from '../repos/repositories.ts'
import { checkStored } from '../repos/store.ts'
import { closed, type TaskHandler, type TaskRun } from '../tasks/handler.ts'
import { taskState } from '../tasks/task.ts'
import { getTask } from '../tasks/tasks.ts'
import { factsOf } from './facts.ts'
import {
  abandonPush,
  advancePush,
  ejectUpdate,
  getPush,
  type PushRow,
  type PushStep,
  pushedUpdates,
  pushSteps,
  seedBuilds,
} from './pushes.ts'
import { bugsOf, buildsOfUpdates, cvesOf, type UpdateRow } from './queries.ts'
import { draftRepositories } from './trees.ts'
import { mayGoStable, mayGoTesting } from './update.ts'

const payloadSchema = z.object({ push_id: z.int() })
type Run = TaskRun<z.infer<typeof payloadSchema>>
type Step = (run: Run, row: PushRow) => Promise<void>

export const pushTask: TaskHandler<z.infer<typeof payloadSchema>> = {
  method: 'push',
  payload: payloadSchema,
  async run(run) {
    for (;;) {
      const row = await getPush(run.ctx.app.db, run.payload.push_id)
      if (row.state !== 'running') return closed({ state: row.state })
      const step = row.step as PushStep
      await run.progress(pushSteps.indexOf(step), pushSteps.length, step)
      await run.log(step)
      await steps[step](run, row)
    }
  },
}

const steps: Record<PushStep, Step> = {
  gate: stepGate,
  tags: stepTags,
  trees: stepTrees,
  check: stepCheck,
  announce: stepAnnounce,
  switch: stepSwitch,
  statuses: stepStatuses,
  settle: stepSettle,
}

/** What is in the push and was not sent back. */
async function members(run: Run, row: PushRow) {
  const all = await pushedUpdates(run.ctx.app.db, row.id)
  return all.filter(({ entry }) => entry.ejected === null)
}

/** Asks the rules again, and the files: one bad update goes back with its reasons, the rest goes on. */
async function stepGate(run: Run, row: PushRow): Promise<void> {
  const { app } = run.ctx
  for (const { entry, update: member } of await members(run, row)) {
    const facts = await factsOf(app, app.db, member)
    const rules = entry.request === 'stable' ? mayGoStable(facts) : mayGoTesting(facts)
    const reasons = [...rules, ...(await fileReasons(run, member))]
    if (reasons.length === 0) continue
    const t = app.words.in('en')
    await run.log(`${member.alias} goes back: ${reasons.map((r) => sayReason(t, r)).join(' ')}`)
    await run.transaction((tx) => ejectUpdate(tx, run.ctx, row.id, member, reasons))
  }
  await run.transaction((tx) => advancePush(tx, row.id, 'tags'))
}

async function fileReasons(run: Run, member: UpdateRow): Promise<Reason[]> {
  const { app } = run.ctx
  const builds = await buildsOfUpdates(app.db, [member.id])
  const rpms = await rpmsOfBuilds(
    app.db,
    builds.map((each) => each.build.id),
  )
  const reasons: Reason[] = []
  for (const rpm of rpms)
    if (!(await checkStored(app, rpm)))
      reasons.push(reason('push.file-damaged', { filename: rpm.filename }))
  return reasons
}

/** Moves builds between tags, gives advisories their numbers, and takes seeds straight to stable. */
async function stepTags(run: Run, row: PushRow): Promise<void> {
  const { ctx } = run
  const tags = releaseTags(row.release)
  const entries = await members(run, row)
  const seeds = await seedBuilds(ctx.app.db, row.release)
  await run.transaction(async (tx) => {
    for (const { entry, update: member } of entries) {
      for (const { build } of await buildsOfUpdates(tx, [member.id])) {
        for (const name of [tags.candidate, tags.testing])
          if (name !== tags[entry.request]) await untagBuild(tx, ctx, name, build)
        await tagBuild(tx, ctx, tags[entry.request], build)
      }
      if (entry.request === 'stable') await issueAdvisory(tx, ctx, await advisoryOf(tx, member))
    }
    for (const build of seeds) {
      await untagBuild(tx, ctx, tags.candidate, build)
      await tagBuild(tx, ctx, tags.stable, build)
    }
    await addNote(tx, row, seeds.length > 0 && reason('push.bootstrap', { builds: seeds.length }))
    await advancePush(tx, row.id, 'trees')
  })
}

async function addNote(tx: Tx, row: PushRow, note: Reason | false): Promise<void> {
  if (!note) return
  const current = await getPush(tx, row.id)
  await tx
    .update(push)
    .set({ notes: [...current.notes, note] })
    .where(eq(push.id, row.id))
}

async function advisoryOf(tx: Tx, member: UpdateRow): Promise<NewAdvisory> {
  const builds = await buildsOfUpdates(tx, [member.id])
  const bugs = await bugsOf(tx, member.id)
  const cves = await cvesOf(tx, member.id)
  const { type, severity, title, release } = member
  return {
    ...{ type, severity, title, release, update_alias: member.alias, description: member.notes },
    references: [
      ...cves.map(({ cve }) => ({
        type: 'cve' as const,
        id: cve,
        href: `https://www.cve.org/CVERecord?id=${cve}`,
        title: cve,
      })),
      ...bugs.map((bug) => ({
        type: 'bugzilla' as const,
        id: bug.number,
        href: bug.url,
        title: bug.title,
      })),
    ],
    build_ids: builds.map(({ build }) => build.id),
  }
}

async function stepTrees(run: Run, row: PushRow): Promise<void> {
  const { ctx } = run
  const drafts = await draftRepositories(ctx, row)
  for (const [at, draft] of drafts.entries()) {
    await run.progress(2, pushSteps.length, `trees: ${at + 1} of ${drafts.length}`)
    const made = await composeRepository(ctx.app, draft)
    await run.transaction((tx) => keepGeneration(tx, made, ctx.app.clock.now()))
    await run.log(`${draft.repository.path}: ${draft.rpms.length} packages`)
  }
  await run.transaction((tx) => advancePush(tx, row.id, 'check'))
}

/** Nothing is switched that a client could stumble over. */
async function stepCheck(run: Run, row: PushRow): Promise<void> {
  const notes = new Map<string, Reason>()
  for (const { repository, generation } of await draftedGenerations(run.ctx.app.db, row.id)) {
    const found = await checkRepository(run.ctx.app, repository, generation)
    if (found.note) notes.set(found.note.code, found.note)
    await run.log(`${repository.path}: ${found.sentence}`)
  }
  await run.transaction(async (tx) => {
    for (const note of notes.values()) await addNote(tx, row, note)
    await advancePush(tx, row.id, 'announce')
  })
}

/** Metalinks name the new metadata before a client can meet it, and edges get the time to hear of it. */
async function stepAnnounce(run: Run, row: PushRow): Promise<void> {
  const { app } = run.ctx
  for (const { repository, generation } of await draftedGenerations(app.db, row.id))
    await announceGeneration(run.ctx, repository, generation, run.transaction)
  const wait_ms = app.distribution.pushes.announce_seconds * SECOND_MS
  await sleep(wait_ms, undefined, { signal: run.signal })
  await run.transaction((tx) => advancePush(tx, row.id, 'switch'))
}

async function stepSwitch(run: Run, row: PushRow): Promise<void> {
  const { app } = run.ctx
  for (const { repository, generation } of await draftedGenerations(app.db, row.id))
    await switchGeneration(app, repository, generation)
  await run.transaction((tx) => advancePush(tx, row.id, 'statuses'))
}

/** Statuses, events and the unlocking, all at once. */
async function stepStatuses(run: Run, row: PushRow): Promise<void> {
  const { ctx } = run
  const now = ctx.app.clock.now()
  const entries = await members(run, row)
  await run.transaction(async (tx) => {
    for (const { entry, update: member } of entries) {
      const when = entry.request === 'stable' ? { stable_at: now } : { testing_at: now }
      await tx
        .update(update)
        .set({ status: entry.request, request: null, push_id: null, ...when })
        .where(eq(update.id, member.id))
      await emit(tx, ctx, 'update.pushed', `update:${member.alias}`, {
        status: entry.request,
        title: member.title,
        push_id: row.id,
      })
    }
    await emit(tx, ctx, 'push.published', `push:${row.id}`, { release: row.release })
    await advancePush(tx, row.id, 'settle')
  })
}

async function stepSettle(run: Run, row: PushRow): Promise<void> {
  const { ctx } = run
  for (const { repository } of await draftedGenerations(ctx.app.db, row.id))
    await settleRepository(ctx.app, repository)
  await removeStage(ctx.app, row.id)
  await run.transaction(async (tx) => {
    const ended_at = ctx.app.clock.now()
    await tx.update(push).set({ state: 'done', ended_at }).where(eq(push.id, row.id))
    await emit(tx, ctx, 'push.done', `push:${row.id}`, { release: row.release })
  })
}

/** A push whose task gave up or was canceled lets its updates go. */
export const pushFollowsTask: Subscriber = {
  name: 'push-follows-task',
  types: ['task.ended'],
  async handle(tx, ctx, event) {
    if (event.payload.method !== 'push' || event.payload.state === taskState.CLOSED) return
    const task = await getTask(tx, Number(event.subject.split(':')[1]))
    const payload = payloadSchema.safeParse(task?.payload)
    if (payload.success) await abandonPush(tx, ctx, payload.data.push_id)
  },
}
