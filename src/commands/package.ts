/** `slipway package …`: who looks after which package, and which binaries belong to it, for the operator. */
import type { Command } from 'commander'
import { getPackage } from '../builds/builds.ts'
import { handOverBinary } from '../packages/binaries.ts'
import { givePackage, type HolderName, takePackage } from '../packages/gifts.ts'
import { ownersView } from '../packages/views.ts'
import { print, withApp } from './with-app.ts'

const WHY = ['--why <reason>', 'it stays on record and goes to the person'] as const

/** `group:mirrors` is a group, all else a person. */
function holderOf(typed: string): HolderName {
  const group = /^group:(.*)$/.exec(typed)?.[1]
  return group === undefined ? { username: typed } : { group }
}

export function addPackageCommand(program: Command): void {
  const command = program.command('package').description('owners and binaries of source packages')
  command
    .command('show <name>')
    .description('who looks after a package, who asks to, and what it gives to install')
    .action((name: string) =>
      withApp(async (ctx) => {
        const view = await ownersView(ctx, await getPackage(ctx, name))
        for (const { kind, name: who, role } of view.owners)
          print(`${role}: ${kind === 'group' ? 'group:' : ''}${who}`)
        for (const { request, username } of view.requests)
          print(`asks: ${username} (${request.role}): ${request.reason}`)
        for (const { binary, offered_to } of view.binaries)
          print(`binary: ${binary.name}${offered_to ? `, offered to ${offered_to}` : ''}`)
      }),
    )
  command
    .command('give <name> <holder>')
    .description('give a package to a person, or to a group (group:<name>)')
    .requiredOption(...WHY)
    .option('--maintainer', 'builds and updates it, and lets in nobody')
    .action((name: string, typed: string, { why, maintainer }: GiveOptions) =>
      withApp(async (ctx) => {
        const role = maintainer ? 'maintainer' : 'owner'
        await givePackage(ctx, { name, holder: holderOf(typed), role, reason: why })
        print(`${typed} is ${role} of ${name}.`)
      }),
    )
  command
    .command('take <name> <holder>')
    .description('take a package from a person or group')
    .requiredOption(...WHY)
    .action((name: string, typed: string, { why }: { why: string }) =>
      withApp(async (ctx) => {
        await takePackage(ctx, { name, holder: holderOf(typed), reason: why })
        print(`${typed} no longer looks after ${name}.`)
      }),
    )
  command
    .command('hand-over <binary> <package>')
    .description('let another source package make a binary package from now on')
    .requiredOption(...WHY)
    .action((binary: string, to: string, { why }: { why: string }) =>
      withApp(async (ctx) => {
        await handOverBinary(ctx, { binary, to, reason: why })
        print(`${binary} belongs to ${to}.`)
      }),
    )
}

interface GiveOptions {
  why: string
  maintainer?: true
}
