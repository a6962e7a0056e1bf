/** rsync as a mirror's admin would run it, with the names in a file; and errors that say what to do. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fromModule } from '../rsync-names.ts'

export interface RsyncOptions {
  /** Bytes a second, rsync's own spelling such as 10m; none for as fast as it goes. */
  bwlimit: string | undefined
  /** Seconds without any byte. */
  timeout_s: number
  signal?: AbortSignal | undefined
}

/** Some files were not there, or vanished: what came is judged on disk (rsync(1), EXIT VALUES). */
const PARTIAL = [0, 23, 24]

/**
 * Copies paths under the source to the same paths under the destination.
 * @param paths without slashes at their beginnings
 * @throws Error with what rsync said
 */
export async function copyPaths(
  source: string,
  destination: string,
  paths: readonly string[],
  options: RsyncOptions,
): Promise<void> {
  if (paths.length === 0) return
  const args = [
    ...['--links', '--times', '--perms', '--hard-links', '--chmod=D755,F644', '--safe-links'],
    ...['--dirs', '--no-motd', '--from0', '--files-from=-'],
    ...['--contimeout=30', `--timeout=${options.timeout_s}`],
    ...(options.bwlimit === undefined ? [] : [`--bwlimit=${options.bwlimit}`]),
  ]
  const from = fromModule(source, paths)
  const names = from.names.map((name) => `${name}\0`).join('')
  const places = ['--', from.source, `${destination}/`]
  const { code, said } = await run([...args, ...places], names, options.signal)
  if (code === null || !PARTIAL.includes(code) || /@ERROR/.test(said))
    throw new Error(`rsync from ${source} failed (${code ?? 'ended by a signal'}): ${said.trim()}`)
}

/** Folders right under the source. @throws Error with what rsync said */
export async function listFolders(source: string, options: RsyncOptions): Promise<string[]> {
  const args = ['--list-only', '--no-motd', '--contimeout=30', `--timeout=${options.timeout_s}`]
  const { code, said, out } = await run([...args, '--', source], '', options.signal)
  if (code !== 0) throw new Error(`rsync can't list ${source} (${code}): ${said.trim()}`)
  return out.flatMap((line) => /^d\S+\s+\S+\s+\S+\s+\S+\s(.+)$/.exec(line)?.[1] ?? [])
}

async function run(args: string[], input: string, signal: AbortSignal | undefined) {
  const child = spawn('rsync', args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
    ...(signal && { signal }),
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4000)
  })
  const lines: string[] = []
  const reading = (async () => {
    for await (const line of createInterface(child.stdout))
      if (lines.length < 10_000) lines.push(line)
  })()
  // A daemon that refuses us never reads the names.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`rsync does not run: ${error.message}`)))
    child.once('close', (status) => resolve(status))
  })
  await reading
  return { code, said, out: lines }
}
