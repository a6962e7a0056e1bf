/** `slipway mirror sync <source> <destination>`: keeps a mirror's copy of the tree, without any portal. */
import { type Command, InvalidArgumentError } from 'commander'
import { HOUR_MS } from '../kernel/clock.ts'
import { isCategory } from '../mirrors/listing.ts'
import { syncMirror } from '../mirrors/sync/sync.ts'
import { print } from './with-app.ts'

const slashed = (url: string) => url.replace(/(?<!\/)\/*$/, '/')

function readSource(text: string): string {
  const url = URL.parse(text)
  const plain = /^[\w:/.~%@+=,[\]-]+$/.test(text)
  if (!plain || url?.protocol !== 'rsync:' || url.host === '' || url.pathname.length < 2)
    throw new InvalidArgumentError('It must be an address such as rsync://portal.example/pub/.')
  return slashed(text)
}

function readLists(text: string): string {
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? ''))
    throw new InvalidArgumentError('It must be an address such as https://portal.example/pub/.')
  return slashed(text)
}

function readCategory(text: string, before: string[]): string[] {
  if (!isCategory(text)) throw new InvalidArgumentError('A category is a folder of the tree.')
  return [...before, text]
}

function readNumber(text: string): number {
  const number = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || number > 100_000)
    throw new InvalidArgumentError('It must be a number.')
  return number
}

function readRate(text: string): string {
  if (!/^\d+(\.\d+)?[kKmMgG]?$/.test(text))
    throw new InvalidArgumentError('It must be a rate such as 500k or 10m, in bytes a second.')
  return text
}

interface Options {
  lists?: string
  category: string[]
  grace: number
  timeout: number
  bwlimit?: string
  check?: boolean
  forceRemoval?: boolean
}

export function addSyncCommand(mirror: Command): void {
  mirror
    .command('sync')
    .description('keep a copy of the tree: packages before metadata, removals last')
    .argument('<source>', 'rsync://… where the tree begins', readSource)
    .argument('<destination>', 'folder that your servers serve')
    .option('--lists <url>', 'fetch lists over HTTP from here', readLists)
    .option('--category <name>', 'only this folder of the tree; may be repeated', readCategory, [])
    .option(
      '--grace <hours>',
      'how long what is gone stays, for clients that read it',
      readNumber,
      2,
    )
    .option('--timeout <seconds>', 'give up after so long without a byte', readNumber, 300)
    .option('--bwlimit <rate>', 'bytes a second, such as 10m', readRate)
    .option('--check', 'look for every listed file, and fetch those that were lost here')
    .option('--force-removal', 'remove even more than half of the tree')
    .action(async (source: string, destination: string, options: Options) => {
      const stop = new AbortController()
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
      await syncMirror({
        ...{ source, destination, lists: options.lists, categories: options.category },
        ...{ grace_ms: options.grace * HOUR_MS, force_removal: options.forceRemoval ?? false },
        check: options.check ?? false,
        ...{ bwlimit: options.bwlimit, timeout_s: options.timeout, signal: stop.signal },
        ...{ say: print, now: Date.now },
      })
    })
}
