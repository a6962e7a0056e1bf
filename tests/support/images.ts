/** Images of a real portal: content that makes them bootable and large enough to be cut, programs, shapes. */
import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { seededRandom } from './test-app.ts'

const run = promisify(execFile)

export interface Image {
  filename: string
  arch: string
  label: string
  volume_id: string
  size_bytes: number
  sha256: string
  packages: number
  boots: string[]
  url: string
  download_url: string
  sha256sums_url: string
  signature_url: string
  torrent_url: string
  magnet: string
  metalink_url: string
  zsync_url: string | null
  tree_url: string
  key_url: string
  key_fingerprint: string
  verify: { tool: string; command: string; expect: string | null }[]
  notes: { code: string; sentence: string }[]
  is_current: boolean
}

export interface Compose {
  id: number
  label: string | null
  state: 'running' | 'done' | 'failed'
  step: string
  why: string
  task_id: number
  notes: { code: string; sentence: string }[]
}

export const MEDIA_BYTES = 6 * 1024 * 1024

/** Files by which the images boot, as far as xorriso looks at them, and a large one beside them. */
export function addMedia(content: string): void {
  const random = seededRandom('media')
  mkdirSync(join(content, 'media'), { recursive: true })
  mkdirSync(join(content, 'boot/disc/isolinux'), { recursive: true })
  const put = (path: string, size: number) => writeFileSync(join(content, path), random.bytes(size))
  put('media/TIDES', MEDIA_BYTES)
  put('boot/vmlinuz', 40_000)
  put('boot/initrd.img', 60_000)
  put('boot/efiboot.img', 1440 * 1024)
  put('boot/isolinux.bin', 24_576)
  put('boot/isohdpfx.bin', 432)
  writeFileSync(join(content, 'boot/disc/isolinux/isolinux.cfg'), 'default linux\n')
}

/** The entry of distribution.yaml for those files. */
export const bootEntry = [
  '    boot:',
  '      - arch: host',
  '        kernel: boot/vmlinuz',
  '        initrd: boot/initrd.img',
  '        efi: boot/efiboot.img',
  '        bios: {loader: isolinux, image: boot/isolinux.bin, mbr: boot/isohdpfx.bin}',
  '        files: boot/disc',
].join('\n')

/** Runs what a page prints, in a folder of one's own. @throws Error with what it printed */
export async function typed(command: string, cwd: string): Promise<string> {
  mkdirSync(join(cwd, 'gnupg'), { recursive: true, mode: 0o700 })
  const env = { ...process.env, GNUPGHOME: join(cwd, 'gnupg'), LC_ALL: 'C.UTF-8' }
  try {
    const { stdout, stderr } = await run('sh', ['-ec', command], { cwd, env, timeout: 120_000 })
    return stdout + stderr
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new Error(`${command}:\n${stdout}\n${stderr}`, { cause: error })
  }
}

/** aria2 with nothing but the addresses that it is given: no DHT, no trackers, no peers, no settings. */
export async function aria2(cwd: string, ...args: string[]): Promise<string> {
  const quiet = ['--no-conf', '--console-log-level=warn', '--summary-interval=0', '--no-netrc']
  const alone = [
    ...['--enable-dht=false', '--enable-dht6=false', '--bt-enable-lpd=false'],
    ...['--enable-peer-exchange=false', '--seed-time=0', '--follow-torrent=mem'],
    ...['--interface=127.0.0.1', '--allow-overwrite=true'],
  ]
  mkdirSync(cwd, { recursive: true })
  try {
    const { stdout } = await run('aria2c', [...quiet, ...alone, `--dir=${cwd}`, ...args], {
      timeout: 120_000,
    })
    return stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new Error(`aria2c ${args.join(' ')}:\n${stdout}\n${stderr}`, { cause: error })
  }
}

export interface Gate {
  /** Whether the program waits at the gate now. */
  waits(): boolean
  close(): void
  open(): void
}

/** Puts a program before the real one in a PATH; while its gate is closed, it waits there. */
export function gateOf(folder: string, program: string, real: string): Gate {
  mkdirSync(folder, { recursive: true })
  const closed = join(folder, `${program}.closed`)
  const waiting = join(folder, `${program}.waiting`)
  writeFileSync(
    join(folder, program),
    [
      '#!/bin/sh',
      // Bounded: a test that was ended leaves no process behind.
      `tries=0; while [ -e '${closed}' ] && [ $tries -lt 1200 ]; do`,
      `  : > '${waiting}.'$$; tries=$((tries + 1)); sleep 0.05`,
      'done',
      `exec ${real} "$@"`,
      '',
    ].join('\n'),
  )
  chmodSync(join(folder, program), 0o755)
  return {
    waits: () => readdirSync(folder).some((name) => name.startsWith(`${program}.waiting`)),
    close: () => writeFileSync(closed, ''),
    open() {
      rmSync(closed, { force: true })
      for (const name of readdirSync(folder))
        if (name.startsWith(`${program}.waiting`)) rmSync(join(folder, name), { force: true })
    },
  }
}

/** Where a program really is. */
export function whereIs(program: string): string {
  const found = ['/usr/local/bin', '/usr/bin', '/bin'].find((at) => existsSync(join(at, program)))
  if (!found) throw new Error(`${program} is not installed`)
  return join(found, program)
}
