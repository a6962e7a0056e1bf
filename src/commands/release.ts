/** `slipway release state <name> [state]`: says where a release is in its life, or moves it. */
import { type Command, Option } from 'commander'
import { sayReason, type Translate } from '../kernel/words.ts'
import { releaseStates } from '../releases/move.ts'
import { lifeOf, moveRelease, type ReleaseLife } from '../releases/moves.ts'
import { print, withApp } from './with-app.ts'

export function addReleaseCommand(program: Command): void {
  const release = program.command('release').description('the life of a release')
  release
    .command('state <name> [state]')
    .description('say what state a release is in and where it can go; or move it, with a reason')
    .addOption(new Option('--why <reason>', 'why it moves; everyone reads it'))
    .addHelpText('after', `\nStates: ${releaseStates.join(', ')}.`)
    .action((name: string, state: string | undefined, { why = '' }: { why?: string }) =>
      withApp(async (ctx) => {
        const t = ctx.app.words.in('en')
        if (state === undefined) return say(t, await lifeOf(ctx, name))
        const to = releaseStates.find((each) => each === state)
        if (!to) throw new Error(`${state} is none of ${releaseStates.join(', ')}`)
        say(t, await moveRelease(ctx, name, { state: to, reason: why }))
      }),
    )
}

function say(t: Translate, { release, about, moves }: ReleaseLife): void {
  print(`${release.name} is ${release.state}: ${t(`release.meaning.${release.state}`)}`)
  for (const key of ['support_until', 'maintenance_until'] as const)
    if (about[key]) print(`${t(`release.${key}`)}: ${about[key]}`)
  for (const { state, against } of moves) {
    const reasons = against.map((each) => sayReason(t, each)).join(' ')
    print(reasons === '' ? `It can become ${state}.` : `Not ${state} yet: ${reasons}`)
  }
}
