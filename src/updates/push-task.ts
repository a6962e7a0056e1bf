/**
 * The `push` task: gate, trees, check, sign, publish, switch. The push row names the step that comes next and
 * moves in the transaction of a step's effects, so a push that was killed goes on where it was. Everything before
 * `publish` is made beside what people see and can be thrown away; `publish` is one transaction; what comes after
 * it only completes, and is completed by another task where this one ends early.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { and, eq, inArray } from 'drizzle-orm'
import { z } from 'zod'
import { rpm } from '../../db/schema/builds.ts'
import { update } from '../../db/schema/updates.ts'
import { issueAdvisories, reserveNumbers } from '../errata/errata.ts'
import { chunks } from '../kernel/chunks.ts'
import { SECOND_MS } from '../kernel/clock.ts'
import type { Tx } from '../kernel/db.ts'
import { emit, type Subscriber } from '../kernel/events.ts'
import { must } from '../kernel/must.ts'
import { newHex } from '../kernel/random.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { sideBySide } from '../kernel/together.ts'
import { sayReason } from '../kernel/words.ts'
import { checkRepository } from '../repos/check.ts'
import {
  composeRepository,
  currentGeneration,
  dropDrafts,
  type FileFault,
  keepGeneration,
} from '../repos/compose.ts'
import { placementDigest, planContent } from '../repos/content.ts'
import { countPlan, keepPlan, StillLeaving } from '../repos/drafts.ts'
import { prepareGeneration, publishDrafts, switchGeneration } from '../repos/publish.ts'
import { draftedGenerations, type RepositoryRow } from '../repos/repositories.ts'
import { closed, type TaskHandler, type TaskRun } from '../tasks/handler.ts'
import { taskState } from '../tasks/task.ts'
import { getTask } from '../tasks/tasks.ts'
import { factsOfAll } from './facts.ts'
import { obsoleteOvertaken } from './obsolete.ts'
import { type PushStep, pushSteps } from './push.ts'
import { abandonPush, completePush } from './push-ends.ts'
import { removeFaulty } from './push-faults.ts'
import { applyMoves, keepMoves, type Member, pushMembers, stageChanges } from './push-plan.ts'
import {
  addNote,
  advancePush,
  ejectUpdate,
  getPush,
  PushMoved,
  type PushRow,
  queueSettling,
} from './push-rows.ts'
import { seedBuilds } from './pushes.ts'
import { buildsOfUpdates } from './queries.ts'
import { mayGoStable, mayGoTesting } from './update.ts'
import { advisoriesFor, writeUpdateinfo } from './updateinfo.ts'

const payloadSchema = z.object({ push_id: z.int() })
export type PushRun = TaskRun<z.infer<typeof payloadSchema>>
type Step = (run: PushRun, row: PushRow) => Promise<void>

export const pushTask: TaskHandler<z.infer<typeof payloadSchema>> = {
  method: 'push',
  payload: payloadSchema,
  async run(run) {
    for (;;) {
      const row = await getPush(run.ctx.app.db, run.payload.push_id)
      if (row.state !== 'running') return closed({ state: row.state })
      const step = row.step as PushStep
      // Renews the lease: who has lost it does no step.
      await run.progress(pushSteps.indexOf(step), pushSteps.length, step)
      await run.log(step)
      try {
        await steps[step](run, row)
      } catch (error) {
        if (!(error instanceof PushMoved)) throw error
        await run.log(error.message)
      }
    }
  },
}

const steps: Record<PushStep, Step> = {
  gate: stepGate,
  trees: stepTrees,
  check: stepCheck,
  sign: stepSign,
  publish: stepPublish,
  switch: stepSwitch,
}

/** Repositories that are made at once: each needs a program of its own, and memory for all that is in it. */
const SIDE_BY_SIDE = 2

/** Updates that one turn of the event loop looks at. */
const MEMBERS_AT_ONCE = 50

/** Asks the rules again: one bad update goes back with its reasons, the rest goes on. */
async function stepGate(run: PushRun, row: PushRow): Promise<void> {
  const { app } = run.ctx
  const t = app.words.in('en')
  for (const part of chunks(await pushMembers(app.db, row.id), MEMBERS_AT_ONCE)) {
    const facts = await factsOfAll(
      app,
      app.db,
      part.map((each) => each.update),
    )
    for (const [at, { entry, update: member }] of part.entries()) {
      const rule = entry.request === 'stable' ? mayGoStable : mayGoTesting
      const reasons = rule(must(facts[at]))
      if (reasons.length === 0) continue
      await run.log(`${member.alias} goes back: ${reasons.map((r) => sayReason(t, r)).join(' ')}`)
      await run.transaction((tx) => ejectUpdate(tx, run.ctx, row.id, member, reasons))
    }
    await nextTurn()
  }
  await run.transaction((tx) => advancePush(tx, row.id, 'gate', 'trees'))
}

/** Works out what will change, and makes the metadata of each repository that changes, beside what is published. */
async function stepTrees(run: PushRun, row: PushRow): Promise<void> {
  const { app } = run.ctx
  const members = await planMoves(run, row)
  const planned = await getPush(app.db, row.id)
  const repositories = await planRepositories(run, planned, members)
  const attempt = newHex(app.random, 12)
  const faults: FileFault[] = []
  let begun = 0
  await sideBySide(repositories, SIDE_BY_SIDE, async (repository) => {
    const of = `trees: ${++begun} of ${repositories.length}`
    await run.progress(pushSteps.indexOf('trees'), pushSteps.length, of)
    const result = await composeRepository(app, {
      ...{ repository, push_id: row.id, attempt },
      current: await currentGeneration(app.db, repository),
      writeUpdateinfo: (path) => writeUpdateinfo(run.ctx, planned, repository, members, path),
    })
    if ('faults' in result) faults.push(...result.faults)
    else await run.transaction((tx) => keepGeneration(tx, result.made, app.clock.now()))
    const { added, removed } = await countPlan(app.db, row.id, repository.id)
    await run.log(`${repository.path}: ${added} come, ${removed} go`)
  })
  if (faults.length > 0) return removeFaulty(run, row, faults)
  await run.transaction((tx) => advancePush(tx, row.id, 'trees', 'check'))
}

/** Keeps what the push will do to tags and advisories. @returns the updates that it was planned for */
async function planMoves(run: PushRun, row: PushRow): Promise<Member[]> {
  const { app } = run.ctx
  const members = await pushMembers(app.db, row.id)
  const seeds = await seedBuilds(app.db, row.release)
  const now = app.clock.now()
  await run.transaction(async (tx) => {
    await advancePush(tx, row.id, 'trees', 'trees', { planned_at: now })
    await keepMoves(tx, row, members, seeds)
    await dropDrafts(tx, row.id)
    const stable = members.filter(({ entry }) => entry.request === 'stable')
    await reserveNumbers(
      tx,
      stable.map(({ update: { alias } }) => alias),
      now,
    )
    if (seeds.length > 0) await addNote(tx, row, reason('push.bootstrap', { builds: seeds.length }))
  })
  return members
}

const LEAVING_PATIENCE = 120
const LEAVING_PAUSE_MS = 500

async function planRepositories(
  run: PushRun,
  row: PushRow,
  members: Member[],
): Promise<RepositoryRow[]> {
  const { app } = run.ctx
  const retold: number[] = []
  for (const part of chunks(members.map(({ update: { id } }) => id)))
    retold.push(...(await buildsOfUpdates(app.db, part)).map(({ build }) => build.id))
  for (let patience = LEAVING_PATIENCE; ; patience--) {
    const plan = await planContent(app, row.release, await stageChanges(app, row), retold)
    try {
      await run.transaction((tx) => keepPlan(tx, row.id, plan))
      return plan.repositories
    } catch (error) {
      if (!(error instanceof StillLeaving) || patience === 0) throw error
      await sleep(LEAVING_PAUSE_MS, undefined, { signal: run.signal })
    }
  }
}

/** Nothing is published that a client could stumble over. */
async function stepCheck(run: PushRun, row: PushRow): Promise<void> {
  const { app } = run.ctx
  const notes = new Map<string, Reason>()
  const faults: FileFault[] = []
  const drafted = await draftedGenerations(app.db, row.id)
  await sideBySide(drafted, SIDE_BY_SIDE, async ({ repository, generation }) => {
    const found = await checkRepository(app, repository, generation)
    if (found.note) notes.set(found.note.code, found.note)
    await run.log(`${repository.path}: ${found.sentence}`)
    for (const why of ['dropped', 'damaged'] as const)
      faults.push(...(await faultsOf(run, found[why], why)))
  })
  if (faults.length > 0) return removeFaulty(run, row, faults)
  await run.transaction(async (tx) => {
    for (const note of notes.values()) await addNote(tx, row, note)
    await advancePush(tx, row.id, 'check', 'sign')
  })
}

async function faultsOf(
  run: PushRun,
  filenames: string[],
  why: FileFault['why'],
): Promise<FileFault[]> {
  const faults: FileFault[] = []
  for (const part of chunks(filenames)) {
    const rows = await run.ctx.app.db
      .select({ rpm_id: rpm.id, filename: rpm.filename })
      .from(rpm)
      .where(inArray(rpm.filename, part))
    faults.push(...rows.map((each) => ({ ...each, why })))
  }
  return faults
}

/** Each generation's folder stands signed under its name; nothing leads to it yet. */
async function stepSign(run: PushRun, row: PushRow): Promise<void> {
  const { app } = run.ctx
  const drafted = await draftedGenerations(app.db, row.id)
  await sideBySide(drafted, SIDE_BY_SIDE, ({ repository, generation }) =>
    prepareGeneration(app, repository, generation),
  )
  await run.transaction((tx) => advancePush(tx, row.id, 'sign', 'publish'))
}

/** The commit point: tags, advisories, what clients are told by metalinks, statuses and events, all at once. */
async function stepPublish(run: PushRun, row: PushRow): Promise<void> {
  const { ctx } = run
  const { app } = ctx
  const members = await pushMembers(app.db, row.id)
  const digest = placementDigest(app, row.release)
  await run.transaction(async (tx) => {
    const now = app.clock.now()
    await takeStatuses(tx, row, members, now)
    await advancePush(tx, row.id, 'publish', 'switch', { published_at: now })
    await applyMoves(tx, ctx, row.id)
    for (const part of chunks(members, MEMBERS_AT_ONCE)) {
      for (const { entry, update: member } of part)
        await emit(tx, ctx, 'update.pushed', `update:${member.alias}`, {
          status: entry.request,
          title: member.title,
          push_id: row.id,
        })
      const stable = part.flatMap((each) => (each.entry.request === 'stable' ? each.update : []))
      await obsoleteOvertaken(tx, ctx, stable)
      await issueAdvisories(tx, ctx, await advisoriesFor(tx, stable), must(row.planned_at))
      await nextTurn()
    }
    await publishDrafts(tx, row.id, row.release, digest, now)
  })
}

/** @throws PushMoved when an update was taken out of the push after it was planned */
async function takeStatuses(tx: Tx, row: PushRow, members: Member[], now: number): Promise<void> {
  for (const request of ['stable', 'testing'] as const) {
    const when = request === 'stable' ? { stable_at: now } : { testing_at: now }
    const going = members.filter(({ entry }) => entry.request === request)
    for (const part of chunks(going.map(({ update: { id } }) => id))) {
      const taken = await tx
        .update(update)
        .set({ status: request, request: null, push_id: null, ask_at: 0, ...when })
        .where(and(inArray(update.id, part), eq(update.push_id, row.id)))
        .returning({ id: update.id })
      if (taken.length !== part.length) throw new PushMoved(`push ${row.id} has lost an update`)
    }
  }
}

/** Clients without metalinks follow, once edges have had the time to hear of it. */
async function stepSwitch(run: PushRun, row: PushRow): Promise<void> {
  const { ctx } = run
  const { app } = ctx
  const wait_ms = app.distribution.pushes.announce_seconds * SECOND_MS
  const rest_ms = must(row.published_at, 'the date of a published push') + wait_ms - app.clock.now()
  if (rest_ms > 0) await sleep(Math.min(rest_ms, wait_ms), undefined, { signal: run.signal })
  for (const { repository } of await draftedGenerations(app.db, row.id)) {
    if (run.signal.aborted) return
    await switchGeneration(app, repository.id)
  }
  await run.transaction(async (tx) => {
    const done = { state: 'done' as const, ended_at: app.clock.now() }
    await advancePush(tx, row.id, 'switch', 'switch', done)
    await emit(tx, ctx, 'push.published', `push:${row.id}`, { release: row.release })
    await emit(tx, ctx, 'push.done', `push:${row.id}`, { release: row.release })
    await queueSettling(tx, ctx, row.release)
  })
}

/** A push whose task gave up or was canceled is undone, or, where it is published, completed by another task. */
export const pushFollowsTask: Subscriber = {
  name: 'push-follows-task',
  types: ['task.ended'],
  async handle(tx, ctx, event) {
    if (event.payload.method !== 'push' || event.payload.state === taskState.CLOSED) return
    const task = await getTask(tx, Number(event.subject.split(':')[1]))
    const payload = payloadSchema.safeParse(task?.payload)
    if (!payload.success) return
    const { push_id } = payload.data
    // A task that another one has taken the place of speaks for nobody.
    if ((await getPush(tx, push_id)).task_id !== task?.id) return
    if ((await abandonPush(tx, ctx, push_id)) === 'published') await completePush(tx, ctx, push_id)
  },
}
