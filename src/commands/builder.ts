/** `slipway builder add|renew <name>`: tokens for builders. */
import type { Command } from 'commander'
import { addBuilder, listBuilders, renewBuilderToken } from '../tasks/builders.ts'
import { print, withApp } from './with-app.ts'

export function addBuilderCommand(program: Command): void {
  const builder = program.command('builder').description('builders and their tokens')
  builder
    .command('add <name>')
    .description('register a builder; prints its token, once')
    .action((name: string) => withApp(async (ctx) => print(await addBuilder(ctx, name))))
  builder
    .command('renew <name>')
    .description('a new token for a builder; the old one ends')
    .action((name: string) => withApp(async (ctx) => print(await renewBuilderToken(ctx, name))))
  builder
    .command('list')
    .description('builders, when each was seen, and what it lacks')
    .action(() =>
      withApp(async (ctx) => {
        for (const row of await listBuilders(ctx)) {
          const seen = row.last_seen_at ? new Date(row.last_seen_at).toISOString() : 'never seen'
          const lacks = row.missing.length > 0 ? ` lacks ${row.missing.join(', ')}` : ''
          print(`${row.name}  ${row.arches.join(',')}  ${seen}${lacks}`)
        }
      }),
    )
}
