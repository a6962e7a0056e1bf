/**
 * What rpm allows in the parts of a package's name (rpm 4.18, build/parsePreamble.c and parseSpec.c), for
 * every border that names from strangers cross. Pure.
 */

/** rpm refuses `..` in a name; so nothing of these leads out of a folder. */
const NAME = /^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}$/
const VERSION = /^(?!.*\.\.)[A-Za-z0-9_+~^.]{1,100}$/
const ARCH = /^[a-z0-9_]{1,32}$/
const FILE = /^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._+~^-]{0,250}$/

export const isRpmName = (text: string): boolean => NAME.test(text)
/** A version or a release. */
export const isRpmVersion = (text: string): boolean => VERSION.test(text)
export const isRpmArch = (text: string): boolean => ARCH.test(text)
/** An unsigned number of 32 bits, as the header keeps it. */
export const isRpmEpoch = (epoch: number): boolean =>
  Number.isInteger(epoch) && epoch >= 0 && epoch < 2 ** 32
/** A file's own name, as a package or a source of one has it. */
export const isRpmFile = (text: string): boolean => FILE.test(text)

export interface RpmParts {
  name: string
  epoch: number
  version: string
  release: string
  arch: string
}

/** Whether every part is what rpm allows. */
export function areRpmParts(parts: RpmParts): boolean {
  const { name, epoch, version, release, arch } = parts
  const named = isRpmName(name) && isRpmVersion(version) && isRpmVersion(release)
  return named && isRpmEpoch(epoch) && isRpmArch(arch)
}

/** The file name that rpm gives a package. */
export const rpmFileOf = (parts: Omit<RpmParts, 'epoch'>): string =>
  `${parts.name}-${parts.version}-${parts.release}.${parts.arch}.rpm`
