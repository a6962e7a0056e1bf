/** `slipway mirror config <rsyncd|nginx|vsftpd>`: configuration of the daemons that serve the master's tree. */
import { Argument, type Command, InvalidArgumentError } from 'commander'
import { writeDurably } from '../kernel/durable.ts'
import { daemons } from '../mirrors/master/config-text.ts'
import { masterConfig } from '../mirrors/masters.ts'
import { print, withApp } from './with-app.ts'

function readPort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535)
    throw new InvalidArgumentError('A port is a number from 1 to 65535.')
  return port
}

export function addConfigCommand(mirror: Command): void {
  mirror
    .command('config')
    .description('print the configuration of a daemon that serves the tree')
    .addArgument(new Argument('<daemon>', 'which one').choices(daemons))
    .option('--write <file>', 'write it to a file, whole or not at all')
    .option('--port <number>', 'where nginx or vsftpd listens', readPort)
    .action((daemon: (typeof daemons)[number], options: { write?: string; port?: number }) =>
      withApp(async (ctx) => {
        const text = await masterConfig(ctx, daemon, { port: options.port })
        if (options.write === undefined) process.stdout.write(text)
        else {
          await writeDurably(options.write, text)
          print(`written to ${options.write}`)
        }
      }),
    )
}
