/**
 * The `compose` task: pick what is published now, make trees, images and what lies beside them, check them,
 * publish, settle. The compose row names the step that comes next and moves in the transaction of a step's
 * effects; files are made whole under another name and renamed, so a compose that was killed goes on.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { and, eq, isNotNull, isNull } from 'drizzle-orm'
import { z } from 'zod'
import { compose, image } from '../../db/schema/downloads.ts'
import { describeRelease } from '../distribution/releases.ts'
import { audit } from '../kernel/audit.ts'
import { MINUTE_MS, SECOND_MS } from '../kernel/clock.ts'
import { emit, type Subscriber } from '../kernel/events.ts'
import { type Reason, reason } from '../kernel/reason.ts'
import { hasTool } from '../kernel/tools.ts'
import { sayReason } from '../kernel/words.ts'
import { addMirroredFile } from '../mirrors/files.ts'
import { closed, failed, type RunEnd, type TaskHandler, type TaskRun } from '../tasks/handler.ts'
import { taskState } from '../tasks/task.ts'
import { getTask } from '../tasks/tasks.ts'
import { runningPush } from '../updates/push-rows.ts'
import { abandonCompose, advanceCompose, getCompose, stableNow, withdrawOlder } from './composes.ts'
import { removeWithdrawn } from './downloads.ts'
import { type ComposeStep, composeLabel, composeSteps } from './image.ts'
import { pointLatest, publishFolder, removeComposeStage, stagePath } from './places.ts'
import { type ComposeRow, composesOf, imagesOfCompose } from './queries.ts'
import { bootFaults } from './tree.ts'
import { checkArch, describeArch, imageArch, partsOf, treeArch } from './work.ts'

const payloadSchema = z.object({ compose_id: z.int() })
export type ComposeRun = TaskRun<z.infer<typeof payloadSchema>>
/** @returns an end when the compose can't go on */
type Step = (run: ComposeRun, row: ComposeRow) => Promise<RunEnd | undefined>

export const composeTask: TaskHandler<z.infer<typeof payloadSchema>> = {
  method: 'compose',
  payload: payloadSchema,
  async run(run) {
    for (;;) {
      const row = await getCompose(run.ctx.app.db, run.payload.compose_id)
      if (row.state !== 'running') return closed({ state: row.state, label: row.label })
      const step = row.step as ComposeStep
      await run.progress(composeSteps.indexOf(step), composeSteps.length, step)
      await run.log(step)
      const end = await steps[step](run, row)
      if (end) return end
    }
  },
}

const steps: Record<ComposeStep, Step> = {
  pick: stepPick,
  trees: stepTrees,
  images: stepImages,
  describe: stepDescribe,
  check: stepCheck,
  publish: stepPublish,
  settle: stepSettle,
}

/** Does something for each arch, with progress that says which. */
async function eachArch(
  run: ComposeRun,
  row: ComposeRow,
  work: (arch: string) => Promise<string>,
): Promise<void> {
  const { arches } = describeRelease(run.ctx.app, row.release)
  for (const arch of arches) {
    await run.progress(
      composeSteps.indexOf(row.step as ComposeStep),
      composeSteps.length,
      `${row.step}: ${arch}`,
    )
    await run.log(`${arch}: ${await work(arch)}`)
  }
}

/** While a push switches repositories, some are new and some old. */
const SWITCHING = ['switch']
const PATIENCE_MS = 10 * MINUTE_MS

/** Tries again until no push is switching; the work looks in the transaction in which it reads. */
async function betweenSwitches<T>(run: ComposeRun, work: () => Promise<T | 'switching'>) {
  const end = performance.now() + PATIENCE_MS
  for (;;) {
    const result = await work()
    if (result !== 'switching') return result
    if (performance.now() > end) throw new Error('a push has been switching repositories for long')
    await sleep(SECOND_MS / 4, undefined, { signal: run.signal })
  }
}

/** Chooses what the images are made of, what they lack, and their label. */
async function stepPick(run: ComposeRun, row: ComposeRow): Promise<RunEnd | undefined> {
  const { app } = run.ctx
  const about = describeRelease(app, row.release)
  if (!(await hasTool('xorriso'))) return failed(reason('compose.no-xorriso'))
  for (const boot of about.boot) {
    const [fault] = await bootFaults(app, boot)
    if (fault) return failed(fault)
  }
  const notes = await notesOf(about.arches, about.boot)
  const t = app.words.in('en')
  for (const note of notes) await run.log(sayReason(t, note))
  return betweenSwitches(run, () =>
    run.transaction(async (tx) => {
      const push = await runningPush(tx, row.release)
      if (push && SWITCHING.includes(push.step)) return 'switching'
      const parts = await stableNow(tx, row.release)
      if (!parts.some(({ generation }) => generation.packages > 0))
        return failed(reason('compose.nothing-stable'))
      const source_date_s = Math.max(...parts.map(({ generation }) => generation.timestamp_s))
      const others = await composesOf(tx, { release: row.release }, 1000)
      const taken = others.filter((each) => each.id !== row.id).map((each) => each.label)
      const label = composeLabel(source_date_s, taken)
      const generation_ids = parts.map(({ generation }) => generation.id)
      await advanceCompose(tx, row.id, 'trees', { label, source_date_s, generation_ids, notes })
      return undefined
    }),
  )
}

async function notesOf(arches: string[], boot: { arch: string }[]): Promise<Reason[]> {
  const notes: Reason[] = []
  for (const arch of arches)
    if (!boot.some((each) => each.arch === arch)) notes.push(reason('compose.no-boot', { arch }))
  if (!(await hasTool('implantisomd5'))) notes.push(reason('compose.no-isomd5'))
  if (!(await hasTool('zsyncmake'))) notes.push(reason('compose.no-zsync'))
  return notes
}

async function stepTrees(run: ComposeRun, row: ComposeRow): Promise<RunEnd | undefined> {
  for (const part of await partsOf(run.ctx.app, row))
    if (!part.present)
      return failed(reason('compose.metadata-gone', { path: part.repository.path }))
  await eachArch(run, row, (arch) => treeArch(run, row, arch))
  await run.transaction((tx) => advanceCompose(tx, row.id, 'images'))
  return undefined
}

async function stepImages(run: ComposeRun, row: ComposeRow): Promise<undefined> {
  await eachArch(run, row, (arch) => imageArch(run, row, arch))
  await run.transaction((tx) => advanceCompose(tx, row.id, 'describe'))
}

/** Writes what lies beside each image and keeps what is said of it. */
async function stepDescribe(run: ComposeRun, row: ComposeRow): Promise<undefined> {
  await eachArch(run, row, async (arch) => {
    const { facts, names } = await describeArch(run, row, arch)
    await run.transaction(async (tx) => {
      await tx.delete(image).where(and(eq(image.compose_id, row.id), eq(image.arch, arch)))
      await tx.insert(image).values({
        ...{ compose_id: row.id, release: row.release, arch, facts },
        ...{ path: names.path, tree_path: names.tree_path },
      })
    })
    return `${facts.filename}, ${facts.size_bytes} bytes, SHA-256 ${facts.sha256}`
  })
  await run.transaction((tx) => advanceCompose(tx, row.id, 'check'))
}

/** Nothing is published that was not read back. */
async function stepCheck(run: ComposeRun, row: ComposeRow): Promise<undefined> {
  await eachArch(run, row, (arch) => checkArch(run, row, arch))
  await run.transaction((tx) => advanceCompose(tx, row.id, 'publish'))
}

/** Folders come to their places whole; then the page changes, all arches at once. */
async function stepPublish(run: ComposeRun, row: ComposeRow): Promise<undefined> {
  const { ctx } = run
  const images = await imagesOfCompose(ctx.app.db, row.id)
  for (const each of images) {
    await publishFolder(ctx.app, stagePath(ctx.app, row.id, each.arch, 'images'), each.path)
    await publishFolder(ctx.app, stagePath(ctx.app, row.id, each.arch, 'tree'), each.tree_path)
    await pointLatest(ctx.app, each.path)
    await pointLatest(ctx.app, each.tree_path)
  }
  await run.transaction(async (tx) => {
    await tx
      .update(image)
      .set({ published_at: ctx.app.clock.now() })
      .where(and(eq(image.compose_id, row.id), isNull(image.published_at)))
    for (const { path, facts } of images)
      await addMirroredFile(tx, ctx, `${path}/${facts.filename}`)
    await withdrawOlder(tx, ctx, row.release, ctx.app.distribution.images.keep)
    const subject = `compose:${row.id}`
    const details = { release: row.release, label: row.label }
    await audit(tx, ctx, { action: 'images.published', subject, details })
    await emit(tx, ctx, 'compose.published', subject, details)
    await advanceCompose(tx, row.id, 'settle')
  })
}

async function stepSettle(run: ComposeRun, row: ComposeRow): Promise<undefined> {
  const { ctx } = run
  await removeComposeStage(ctx.app, row.id)
  await run.transaction(async (tx) => {
    const ended_at = ctx.app.clock.now()
    await tx.update(compose).set({ state: 'done', ended_at }).where(eq(compose.id, row.id))
    const images = await tx.$count(
      image,
      and(eq(image.compose_id, row.id), isNotNull(image.published_at)),
    )
    await emit(tx, ctx, 'compose.done', `compose:${row.id}`, {
      ...{ release: row.release, label: row.label, images },
    })
  })
  await removeWithdrawn(ctx)
}

/** A compose whose task gave up or was canceled is over. */
export const composeFollowsTask: Subscriber = {
  name: 'compose-follows-task',
  types: ['task.ended'],
  async handle(tx, ctx, event) {
    if (event.payload.method !== 'compose' || event.payload.state === taskState.CLOSED) return
    const task = await getTask(tx, Number(event.subject.split(':')[1]))
    const payload = payloadSchema.safeParse(task?.payload)
    if (payload.success) await abandonCompose(tx, ctx, payload.data.compose_id)
  },
}
