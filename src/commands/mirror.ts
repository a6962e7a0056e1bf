/** `slipway mirror …`: mirrors as files, the master's daemons, and a mirror's own copy. */

import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { writeDurably } from '../kernel/durable.ts'
import { exportMirrors, importMirrors } from '../mirrors/exchange.ts'
import { readMirrorFile } from '../mirrors/mirror-file.ts'
import { addConfigCommand } from './mirror-config.ts'
import { addSyncCommand } from './mirror-sync.ts'
import { print, withApp } from './with-app.ts'

export function addMirrorCommand(program: Command): void {
  const mirror = program
    .command('mirror')
    .description('mirrors: files, daemons, a copy of the tree')
  addConfigCommand(mirror)
  addSyncCommand(mirror)
  mirror
    .command('export <folder>')
    .description('write a file a mirror into a folder')
    .action((folder: string) =>
      withApp(async (ctx) => {
        const files = await exportMirrors(ctx)
        await mkdir(folder, { recursive: true })
        for (const { name, text } of files) {
          await writeDurably(join(folder, `${name}.yaml`), text)
        }
        print(`${files.length} written to ${folder}`)
      }),
    )
  mirror
    .command('import <path>')
    .description('make or change mirrors from a file, or from all .yaml files of a folder')
    .action((path: string) =>
      withApp(async (ctx) => {
        const read = await readFiles(path, ctx.app.config.private_mirrors)
        for (const { name, made, unknown_admins } of await importMirrors(ctx, read)) {
          print(`${name}: ${made ? 'made' : 'changed'}`)
          for (const username of unknown_admins) print(`  nobody here is called ${username}`)
        }
      }),
    )
}

/** @throws Error with the faults of all files, before any mirror is touched */
async function readFiles(path: string, private_mirrors: readonly string[]) {
  const folder = (await stat(path)).isDirectory()
  const files = folder
    ? (await readdir(path))
        .filter((name) => /\.ya?ml$/.test(name))
        .sort()
        .map((name) => join(path, name))
    : [path]
  const faults: string[] = []
  const mirrors = []
  for (const file of files) {
    try {
      mirrors.push(readMirrorFile(file, await readFile(file, 'utf8'), private_mirrors))
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error))
    }
  }
  if (faults.length > 0) throw new Error(`Nothing was imported.\n${faults.join('\n')}`)
  return mirrors
}
