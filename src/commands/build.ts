/**
 * `slipway build <package | git-url#ref | file.src.rpm>`: queues a build and, with --wait, follows it. With
 * SLIPWAY_TOKEN it talks to the portal at SLIPWAY_URL; otherwise it is the portal's own host.
 */
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { type AskedBuild, requestBuild } from '../builds/requests.ts'
import { MAX_SRPM_BYTES } from '../builds/sources.ts'
import { putBlob } from '../kernel/blobs.ts'
import { readConfig } from '../kernel/config.ts'
import { sayReason } from '../kernel/words.ts'
import { ENDED_STATES, taskState } from '../tasks/task.ts'
import { getTask } from '../tasks/tasks.ts'
import { PortalClient } from './client.ts'
import { print, withApp } from './with-app.ts'

const POLL_MS = 500

/** What a word on the command line means. An address has a scheme, a source package ends in .src.rpm. */
export function readSource(word: string): { kind: 'git' | 'srpm' | 'package'; word: string } {
  if (/^[a-z][a-z0-9+.-]*:/i.test(word)) return { kind: 'git', word }
  return { kind: word.endsWith('.src.rpm') ? 'srpm' : 'package', word }
}

function gitSource(word: string): { url: string; ref: string } {
  const at = word.lastIndexOf('#')
  return at < 0 ? { url: word, ref: 'HEAD' } : { url: word.slice(0, at), ref: word.slice(at + 1) }
}

interface Options {
  target?: string
  wait?: boolean
}

export function addBuildCommand(program: Command): void {
  program
    .command('build <source>')
    .description('build a package, a git address with #ref, or a source package file')
    .option('--target <name>', 'target of the build; default: that of the first release')
    .option('--wait', 'follow the build to its end; the exit code says how it ended')
    .action((source: string, options: Options) =>
      process.env.SLIPWAY_TOKEN ? buildRemote(source, options) : buildHere(source, options),
    )
}

async function buildHere(word: string, options: Options): Promise<void> {
  await withApp(async (ctx) => {
    const { app } = ctx
    const { kind } = readSource(word)
    let asked: AskedBuild = { package: word, target: options.target }
    if (kind === 'git') asked = { ...gitSource(word), target: options.target }
    if (kind === 'srpm') {
      const blob = await putBlob(app, 'sources', createReadStream(word), {
        max_bytes: MAX_SRPM_BYTES,
      })
      asked = { srpm: { filename: basename(word), ...blob }, target: options.target }
    }
    const task = await requestBuild(ctx, asked)
    print(`${app.config.url}/tasks/${task.id}`)
    if (!options.wait) return
    let row = task
    while (!ENDED_STATES.includes(row.state)) {
      await sleep(POLL_MS)
      row = (await getTask(app.db, task.id)) ?? row
    }
    if (row.state !== taskState.CLOSED)
      throw new Error(row.reason ? sayReason(app.words.in('en'), row.reason) : 'canceled')
    print(JSON.stringify(row.result))
  })
}

async function buildRemote(word: string, options: Options): Promise<void> {
  const client = new PortalClient(readConfig().url, process.env.SLIPWAY_TOKEN ?? '')
  const { kind } = readSource(word)
  let asked: AskedBuild = { package: word }
  if (kind === 'git') asked = gitSource(word)
  if (kind === 'srpm')
    asked = { srpm: { filename: basename(word), ...(await upload(client, word)) } }
  const task = await client.post<{ id: number }>('/api/builds', {
    ...asked,
    target: options.target,
  })
  print(`${client.url}/tasks/${task.id}`)
  while (options.wait) {
    const row = await client.get<{ state: string; reason: { sentence: string } | null }>(
      `/api/tasks/${task.id}`,
    )
    if (row.state === 'CLOSED') return
    if (row.state === 'FAILED' || row.state === 'CANCELED')
      throw new Error(row.reason?.sentence ?? 'canceled')
    await sleep(POLL_MS)
  }
}

async function upload(client: PortalClient, file: string) {
  const { size } = await stat(file)
  const handle = await open(file)
  try {
    const body = handle.readableWebStream() as ReadableStream<Uint8Array>
    return await client.upload<{ sha256: string; size_bytes: number }>('/api/sources', body, size)
  } finally {
    await handle.close()
  }
}
