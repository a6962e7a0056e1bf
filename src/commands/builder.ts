/** `slipway builder …`: builders, what each may do, and their tokens. */
import { type Command, InvalidArgumentError } from 'commander'
import { sayReason } from '../kernel/words.ts'
import { DRIVERS, type Grant } from '../tasks/builder.ts'
import {
  addBuilder,
  type BuilderView,
  removeBuilder,
  renewBuilderToken,
  setEnabled,
  setGrant,
  viewBuilders,
} from '../tasks/builders.ts'
import { print, withApp } from './with-app.ts'

const list = (text: string) => text.split(/[\s,]+/).filter((word) => word !== '')

function whole(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

/** The options that say what a builder may do. */
const grantOptions = (command: Command) =>
  command
    .option('--channels <list>', 'kinds of work that it may take', list)
    .option('--drivers <list>', `how it may build: ${DRIVERS.join(', ')}`, list)
    .option('--capacity <n>', 'tasks at once', whole)

const defaults = { channels: ['default'], drivers: DRIVERS, capacity: 2 }

function line({ row, state, running, effective, why_idle }: BuilderView, idle: string[]): string {
  const { arches, channels, drivers, capacity } = effective
  const seen = row.last_seen_at ? new Date(row.last_seen_at).toISOString() : 'never seen'
  return [
    `${row.name}  ${state}  ${seen}`,
    `  does ${running.length} of ${capacity}; ${[arches, channels, drivers].map((each) => each.join(',') || '-').join('  ')}`,
    `  granted ${row.granted_arches.join(',') || '-'}  ${row.granted_channels.join(',') || '-'}  ${row.granted_drivers.join(',') || '-'}  ${row.granted_capacity}`,
    `  bounded by ${row.bounds.join(', ') || 'looks only'}`,
    ...(why_idle.length > 0 ? [`  idle: ${idle.join(' ')}`] : []),
  ].join('\n')
}

export function addBuilderCommand(program: Command): void {
  const builder = program.command('builder').description('builders, what they may do, their tokens')
  grantOptions(
    builder
      .command('add <name>')
      .description('register a builder; prints its token, once')
      .requiredOption('--arches <list>', 'architectures that it may build for', list),
  ).action((name: string, options: Pick<Grant, 'arches'> & Partial<Grant>) =>
    withApp(async (ctx) => print(await addBuilder(ctx, name, { ...defaults, ...options }))),
  )
  grantOptions(
    builder
      .command('set <name>')
      .description('change what a builder may do; what is left out stays')
      .option('--arches <list>', 'architectures that it may build for', list),
  ).action((name: string, options: Partial<Grant>) =>
    withApp((ctx) => setGrant(ctx, name, options)),
  )
  for (const [word, enabled, what] of [
    ['enable', true, 'give a builder work again, and forget its faults'],
    ['disable', false, 'refuse a builder from now on'],
  ] as const)
    builder
      .command(`${word} <name>`)
      .description(what)
      .action((name: string) => withApp((ctx) => setEnabled(ctx, name, enabled)))
  builder
    .command('remove <name>')
    .description('forget a builder; its token ends')
    .action((name: string) => withApp((ctx) => removeBuilder(ctx, name)))
  builder
    .command('rotate <name>')
    .alias('renew')
    .description('a new token for a builder; the old one ends')
    .action((name: string) => withApp(async (ctx) => print(await renewBuilderToken(ctx, name))))
  builder
    .command('list')
    .description('builders, what each may and does, and why it does nothing')
    .action(() =>
      withApp(async (ctx) => {
        const t = ctx.app.words.in('en')
        for (const view of await viewBuilders(ctx))
          print(
            line(
              view,
              view.why_idle.map((each) => sayReason(t, each)),
            ),
          )
      }),
    )
}
