/** `slipway events …`: events that a part of the portal could not act on. */
import { type Command, InvalidArgumentError } from 'commander'
import { dropAside, giveAgain, listAside } from '../kernel/aside.ts'
import { print, withApp } from './with-app.ts'

function readId(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is a number of the list.')
  return Number(text)
}

export function addEventsCommand(program: Command): void {
  const events = program.command('events').description('events that could not be acted on')
  events
    .command('list')
    .description('list them with what went wrong')
    .action(() =>
      withApp(async ({ app }) => {
        for (const row of await listAside(app.db)) {
          const { id, state, type, subject, subscriber, attempts } = row
          // What strangers may have had a hand in is shown with its control characters spelt out.
          const error = JSON.stringify(row.error)
          print(
            `${id}  ${state}  ${type} ${subject} for ${subscriber}, ${attempts} tries: ${error}`,
          )
        }
      }),
    )
  events
    .command('again')
    .argument('<id>', 'number of the list', readId)
    .description('have a worker hand one over once more')
    .action((id: number) => withApp((ctx) => giveAgain(ctx, id)))
  events
    .command('drop')
    .argument('<id>', 'number of the list', readId)
    .description('give one up')
    .action((id: number) => withApp((ctx) => dropAside(ctx, id)))
}
