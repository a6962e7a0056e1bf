/**
 * `slipway push [release]`: pushes what is requested now, without waiting for the schedule. `slipway push show`,
 * `withdraw` and `give-up` are for one that is stuck.
 */
import type { Command } from 'commander'
import { defaultTarget } from '../builds/requests.ts'
import type { Ctx } from '../kernel/context.ts'
import { sayReason } from '../kernel/words.ts'
import { giveUpPush, withdrawFromPush } from '../updates/push-ends.ts'
import { listPushes } from '../updates/push-rows.ts'
import { startPush, viewPush } from '../updates/pushes.ts'
import { print, withApp } from './with-app.ts'

export function addPushCommand(program: Command): void {
  const push = program
    .command('push [release]')
    .description('push what is requested, now')
    .action((release: string | undefined) => withApp((ctx) => start(ctx, release)))
  push
    .command('show [id]')
    .description('at which step a push is, and why it does not go on; the newest, unless told')
    .action((id: string | undefined) => withApp((ctx) => show(ctx, id)))
  push
    .command('withdraw <id> <update>')
    .description('take an update out of a push that is not published; the rest goes on')
    .requiredOption('--why <reason>', 'for those who wait for it')
    .action((id: string, alias: string, { why }: { why: string }) =>
      withApp((ctx) => withdrawFromPush(ctx, Number(id), alias, why)),
    )
  push
    .command('give-up <id>')
    .description('undo a push that is not published')
    .requiredOption('--why <reason>', 'for those who wait for it')
    .action((id: string, { why }: { why: string }) =>
      withApp((ctx) => giveUpPush(ctx, Number(id), why)),
    )
}

async function start(ctx: Ctx, release: string | undefined): Promise<void> {
  const started = await startPush(ctx, release ?? defaultTarget(ctx))
  if (!started) return print('Nothing is requested.')
  const what = started.fresh ? 'Push' : 'A push is running already:'
  print(`${what} ${started.push.id}: ${ctx.app.config.url}/tasks/${started.push.task_id}`)
}

async function show(ctx: Ctx, id: string | undefined): Promise<void> {
  const [newest] = await listPushes(ctx.app.db, undefined, 1)
  if (id === undefined && !newest) return print('There was no push yet.')
  const view = await viewPush(ctx, id === undefined ? (newest?.id ?? 0) : Number(id))
  const t = ctx.app.words.in('en')
  const { push, broken, task, may_undo } = view
  const step = push.state === 'running' ? `: ${t(`push.step.${push.step}`)}` : ''
  print(`Push ${push.id} of ${push.release} is ${push.state}${step}`)
  if (broken) print(`  ${task?.attempts ?? 0} tries. ${sayReason(t, broken)}`)
  for (const note of push.notes) print(`  ${sayReason(t, note)}`)
  for (const { entry, update } of view.updates) {
    print(`  ${update.alias} to ${entry.request}: ${update.title}`)
    for (const each of entry.ejected ?? []) print(`    sent back: ${sayReason(t, each)}`)
  }
  if (may_undo)
    print('  Not published yet: withdraw an update from it, or give it up (slipway push --help).')
}
