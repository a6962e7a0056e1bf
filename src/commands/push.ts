/** `slipway push [release]`: pushes what is requested now, without waiting for the schedule. */
import type { Command } from 'commander'
import { defaultTarget } from '../builds/requests.ts'
import { startPush } from '../updates/pushes.ts'
import { print, withApp } from './with-app.ts'

export function addPushCommand(program: Command): void {
  program
    .command('push [release]')
    .description('push what is requested, now')
    .action((release: string | undefined) =>
      withApp(async (ctx) => {
        const started = await startPush(ctx, release ?? defaultTarget(ctx))
        if (!started) print('Nothing is requested.')
        else {
          const what = started.fresh ? 'Push' : 'A push is running already:'
          print(`${what} ${started.push.id}: ${ctx.app.config.url}/tasks/${started.push.task_id}`)
        }
      }),
    )
}
