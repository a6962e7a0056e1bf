/** `slipway setup`: prepares database, key, token and seeds, and starts nothing. */
import type { Command } from 'commander'
import { setUp } from '../setup.ts'
import { print, withApp } from './with-app.ts'

export function addSetupCommand(program: Command): void {
  program
    .command('setup')
    .description(
      'migrate the database, make the signing key and the builder token, queue the seeds',
    )
    .action(() =>
      withApp(async ({ app }) => {
        const { missing, seeded } = await setUp(app)
        print(`Ready in ${app.config.data_dir}. ${seeded} seed packages queued.`)
        if (missing.length > 0) print(`Missing on this machine: ${missing.join(', ')}.`)
      }),
    )
}
