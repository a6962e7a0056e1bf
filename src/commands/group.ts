/** `slipway group …`: groups and who is in them, for the operator. */
import type { Command } from 'commander'
import { createGroup, listGroups, viewGroup } from '../accounts/groups.ts'
import { addMember, removeMember, setSponsor } from '../accounts/memberships.ts'
import { print, withApp } from './with-app.ts'

const WHY = ['--why <reason>', 'it stays on record and goes to the person'] as const

export function addGroupCommand(program: Command): void {
  const group = program.command('group').description('groups of people and their sponsors')
  group
    .command('list [name]')
    .description('list the groups, or the people of one')
    .action((name: string | undefined) =>
      withApp(async (ctx) => {
        if (name === undefined)
          for (const { group: row, members, sponsors } of await listGroups(ctx))
            print(`${row.name}: ${row.title}, members ${members}, sponsors ${sponsors}`)
        else
          for (const { username, member } of (await viewGroup(ctx, name)).members)
            print(`${username}${member.sponsor_since === null ? '' : ' (sponsor)'}`)
      }),
    )
  group
    .command('make <name>')
    .description('make a group that people can ask to join')
    .requiredOption('--title <title>', 'what it is called')
    .requiredOption('--about <text>', 'what it does and what it takes to join')
    .action((name: string, { title, about }: { title: string; about: string }) =>
      withApp(async (ctx) => {
        await createGroup(ctx, { name, title, description: about })
        print(`${ctx.app.config.url}/groups/${name}`)
      }),
    )
  group
    .command('add <group> <username>')
    .description('let somebody in; with --sponsor they may let in others')
    .requiredOption(...WHY)
    .option('--sponsor', 'make them a sponsor, too')
    .action((name: string, username: string, options: { why: string; sponsor?: true }) =>
      withApp(async (ctx) => {
        const change = { group: name, username, reason: options.why }
        const inside = (await viewGroup(ctx, name)).members.some((m) => m.username === username)
        if (!inside || !options.sponsor) await addMember(ctx, change)
        if (options.sponsor) await setSponsor(ctx, { ...change, sponsor: true })
        print(`${username} is in ${name}${options.sponsor ? ', as a sponsor' : ''}.`)
      }),
    )
  group
    .command('remove <group> <username>')
    .description('take somebody out')
    .requiredOption(...WHY)
    .action((name: string, username: string, { why }: { why: string }) =>
      withApp(async (ctx) => {
        await removeMember(ctx, { group: name, username, reason: why })
        print(`${username} is no longer in ${name}.`)
      }),
    )
}
