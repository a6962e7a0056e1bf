/** `slipway compose [release]`: makes images of what is stable now, without waiting for the schedule. */
import type { Command } from 'commander'
import { defaultTarget } from '../builds/requests.ts'
import { startCompose } from '../downloads/composes.ts'
import { print, withApp } from './with-app.ts'

export function addComposeCommand(program: Command): void {
  program
    .command('compose [release]')
    .description('make the installable tree and the images of a release, now')
    .action((release: string | undefined) =>
      withApp(async (ctx) => {
        const { compose, fresh } = await startCompose(ctx, release ?? defaultTarget(ctx))
        const what = fresh ? 'Compose' : 'A compose is running already:'
        print(`${what} ${compose.id}: ${ctx.app.config.url}/tasks/${compose.task_id}`)
      }),
    )
}
