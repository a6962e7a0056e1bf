/** The command line: `slipway <command>`. One file a command under src/commands/. */
import { Command } from 'commander'
import { addBuildCommand } from './commands/build.ts'
import { addBuilderCommand } from './commands/builder.ts'
import { addComposeCommand } from './commands/compose.ts'
import { addEventsCommand } from './commands/events.ts'
import { addGroupCommand } from './commands/group.ts'
import { addMirrorCommand } from './commands/mirror.ts'
import { addPackageCommand } from './commands/package.ts'
import { addPushCommand } from './commands/push.ts'
import { addReleaseCommand } from './commands/release.ts'
import { addSetupCommand } from './commands/setup.ts'
import { addUpCommand } from './commands/up.ts'
import { addUpstreamCommand } from './commands/upstream.ts'
import { PortalError } from './kernel/errors.ts'
import { root } from './kernel/paths.ts'
import { readWords, sayError } from './kernel/words.ts'

const program = new Command('slipway')
  .description('Runs and operates the portal of a community Linux distribution.')
  .showHelpAfterError('(slipway --help lists the commands)')

addUpCommand(program)
addSetupCommand(program)
addBuildCommand(program)
addBuilderCommand(program)
addPackageCommand(program)
addPushCommand(program)
addReleaseCommand(program)
addGroupCommand(program)
addEventsCommand(program)
addComposeCommand(program)
addMirrorCommand(program)
addUpstreamCommand(program)

/** The sentence of a failure, without a stack for what people can mend. */
function describeFailure(error: unknown): string {
  if (error instanceof PortalError)
    return sayError(readWords(`${root}/content/i18n`).in('en'), error)
  return error instanceof Error ? error.message : String(error)
}

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`slipway: ${describeFailure(error)}\n`)
  process.exitCode = 1
}
