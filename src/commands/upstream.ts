/** `slipway upstream import <source>`: what the vendor ships becomes what a release must reach. */
import type { Command } from 'commander'
import { defaultTarget } from '../builds/requests.ts'
import { importUpstream } from '../upstream/imports.ts'
import { print, withApp } from './with-app.ts'

export function addUpstreamCommand(program: Command): void {
  program
    .command('upstream')
    .description('what the upstream vendor ships')
    .command('import <source>')
    .description("read the source packages of upstream's repository: an address, or a folder")
    .requiredOption('--repository <id>', 'our repository that they belong into, such as baseos')
    .option('--release <name>', 'our release that rebuilds them')
    .action((source: string, options: { repository: string; release?: string }) =>
      withApp(async (ctx) => {
        const release = options.release ?? defaultTarget(ctx)
        const row = await importUpstream(ctx, { source, release, repository: options.repository })
        print(
          `${row.packages} source packages: ${row.added} new, ${row.changed} changed, ${row.removed} gone.`,
        )
        print(`${ctx.app.config.url}/releases/${release}/readiness`)
      }),
    )
}
