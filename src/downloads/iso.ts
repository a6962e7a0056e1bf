/** ISO images by xorriso: its arguments, the implanted checksum, and reading an image back. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { BootDescription } from '../kernel/distribution.ts'

const run = promisify(execFile)
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024

/** Where what makes a tree boot lies in it. */
export const bootPaths = {
  kernel: 'images/pxeboot/vmlinuz',
  initrd: 'images/pxeboot/initrd.img',
  efi: 'images/efiboot.img',
  isolinux: 'isolinux/isolinux.bin',
  grub2: 'boot/grub2/eltorito.img',
} as const

/** How a machine may start from an image. */
export type Firmware = 'bios' | 'uefi'

export function firmwareOf(boot: BootDescription | undefined): Firmware[] {
  return [...(boot?.bios ? ['bios' as const] : []), ...(boot?.efi ? ['uefi' as const] : [])]
}

export interface IsoInput {
  /** Folder that becomes the image's root. */
  tree: string
  /** File to write. */
  out: string
  volume_id: string
  boot: BootDescription | undefined
  /** Master boot record for USB sticks: a file. */
  mbr: string | undefined
  /** Seconds since the epoch: the date of everything in it. */
  source_date_s: number
}

/** Arguments of xorriso. El Torito entries are read first by BIOS, then, as an alternative, by UEFI. */
export function isoArgs(input: IsoInput): string[] {
  const { tree, out, volume_id, boot, mbr, source_date_s } = input
  const args = ['-as', 'mkisofs', '-quiet', '-o', out, '-V', volume_id]
  // SOURCE_DATE_EPOCH alone leaves files their own dates.
  args.push('--set_all_file_dates', `=${source_date_s}`)
  // Level 3: files past 4 GiB. Rock Ridge with everything readable and owned by root; Joliet.
  args.push('-iso-level', '3', '-r', '-J', '-joliet-long')
  if (boot?.bios) args.push(...biosArgs(boot.bios.loader, mbr))
  if (boot?.efi) {
    if (boot.bios) args.push('-eltorito-alt-boot')
    args.push('-e', bootPaths.efi, '-no-emul-boot')
    args.push(...partitionArgs(boot, mbr))
  }
  return [...args, tree]
}

function biosArgs(loader: 'isolinux' | 'grub2', mbr: string | undefined): string[] {
  const catalogue = loader === 'isolinux' ? 'isolinux/boot.cat' : 'boot/grub2/boot.cat'
  const args = ['-b', bootPaths[loader], '-c', catalogue, '-no-emul-boot']
  args.push('-boot-load-size', '4', '-boot-info-table')
  if (loader === 'grub2') args.push('--grub2-boot-info')
  if (mbr !== undefined) args.push(loader === 'grub2' ? '--grub2-mbr' : '-isohybrid-mbr', mbr)
  return args
}

/** Makes the EFI image a partition as well, so that a stick with the image on it boots. */
function partitionArgs(boot: BootDescription, mbr: string | undefined): string[] {
  if (boot.bios?.loader === 'isolinux' && mbr !== undefined) return ['-isohybrid-gpt-basdat']
  return ['-efi-boot-part', '--efi-boot-image', '--protective-msdos-label']
}

/** The same tree and date give the same bytes (reproducible-builds.org, SOURCE_DATE_EPOCH). */
export async function makeIso(input: IsoInput, signal: AbortSignal): Promise<void> {
  const env = { ...process.env, TZ: 'UTC', SOURCE_DATE_EPOCH: String(input.source_date_s) }
  await run('xorriso', isoArgs(input), { env, signal, maxBuffer: MAX_OUTPUT_BYTES })
}

/**
 * isomd5sum sums an image up in 21 fragments that it reads in pieces of 32 KiB; one whose fragments are smaller than
 * a piece fails its own check.
 */
export const IMPLANT_MIN_BYTES = 1024 ** 2

/** Puts the image's MD5 into its own header, where installers and checkisomd5 find it. */
export async function implantChecksum(file: string, signal: AbortSignal): Promise<void> {
  await run('implantisomd5', [file], { signal })
}

/** @throws Error when the image is not what its implanted checksum says */
export async function verifyImplanted(file: string, signal: AbortSignal): Promise<void> {
  await run('checkisomd5', [file], { signal })
}

/** Paths of all regular files in an image, as xorriso reads them. */
export async function listIso(file: string, signal: AbortSignal): Promise<string[]> {
  const args = ['-indev', `stdio:${file}`, '-find', '/', '-type', 'f', '-exec', 'echo', '--']
  const { stdout } = await run('xorriso', args, { signal, maxBuffer: MAX_OUTPUT_BYTES })
  return stdout.split('\n').flatMap((line) => /^'(.*)'$/.exec(line)?.[1] ?? [])
}

/** Copies one file out of an image. */
export async function extractFromIso(
  file: string,
  path: string,
  to: string,
  signal: AbortSignal,
): Promise<void> {
  const args = ['-osirrox', 'on', '-indev', `stdio:${file}`, '-extract', path, to]
  await run('xorriso', args, { signal, maxBuffer: MAX_OUTPUT_BYTES })
}
