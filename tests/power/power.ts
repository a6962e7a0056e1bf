/**
 * Losing power, in a test: programs run with volatile.c, which keeps a shadow of a folder that holds only what was
 * flushed; when they have been killed, the shadow takes the folder's place.
 */
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

interface Name {
  kind: 'f' | 'd' | 'l'
  /** Octal; nothing of links. */
  mode: string
  /** Where its bytes or names are in the shadow; of a link, where it leads. */
  key: string
  name: string
}

/** As volatile.c calls a file: by its number and its birth. */
function keyOf(path: string): string {
  const { ino, birthtimeNs } = statSync(path, { bigint: true })
  return `${ino}-${birthtimeNs}`
}

export class Power {
  /** The folder whose fate it is. */
  readonly folder: string
  private readonly shadow: string
  private readonly library: string

  /**
   * @param folder exists; all that is in it now counts as flushed
   * @param beside a folder for the library and the shadow
   */
  constructor(folder: string, beside: string) {
    this.folder = folder
    this.shadow = join(beside, 'shadow')
    this.library = join(beside, 'volatile.so')
    const source = join(import.meta.dirname, 'volatile.c')
    const words = ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror']
    execFileSync('cc', [...words, '-o', this.library, source, '-ldl'], { stdio: 'pipe' })
    this.settle()
  }

  /** What programs need in their environment to be watched. */
  get env(): Record<string, string> {
    return {
      LD_PRELOAD: this.library,
      POWER_FOLDER: this.folder,
      POWER_SHADOW: this.shadow,
      // Node could flush past the C library by it.
      UV_USE_IO_URING: '0',
    }
  }

  /** The folder becomes what a loss of power now would leave. Nothing that writes to it runs any more. */
  lose(): void {
    const restored = `${this.folder}.restored`
    this.restoreFolder(keyOf(this.folder), restored, new Map())
    rmSync(this.folder, { recursive: true })
    renameSync(restored, this.folder)
    this.settle()
  }

  /** Begins anew: what is in the folder counts as flushed. */
  private settle(): void {
    rmSync(this.shadow, { recursive: true, force: true })
    for (const shelf of ['bytes', 'names', 'locks'])
      mkdirSync(join(this.shadow, shelf), { recursive: true })
    this.settleFolder(this.folder)
  }

  private settleFolder(folder: string): void {
    const words: string[] = []
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isSymbolicLink()) words.push('l', '0', readlinkSync(path), entry.name)
      if (!entry.isFile() && !entry.isDirectory()) continue
      const key = keyOf(path)
      const mode = (statSync(path).mode & 0o7777).toString(8)
      words.push(entry.isFile() ? 'f' : 'd', mode, key, entry.name)
      if (entry.isDirectory()) this.settleFolder(path)
      else copyFileSync(path, join(this.shadow, 'bytes', key))
    }
    writeFileSync(
      join(this.shadow, 'names', keyOf(folder)),
      words.map((word) => `${word}\0`).join(''),
    )
  }

  private namesOf(key: string): Name[] {
    const file = join(this.shadow, 'names', key)
    if (!existsSync(file)) return []
    const words = readFileSync(file, 'utf8').split('\0').slice(0, -1)
    const names: Name[] = []
    for (let at = 0; at < words.length; at += 4) {
      const [kind, mode = '', its = '', name = ''] = words.slice(at, at + 4)
      if (kind !== 'f' && kind !== 'd' && kind !== 'l') throw new Error(`${file}: ${words}`)
      names.push({ kind, mode, key: its, name })
    }
    return names
  }

  /** @param made files by their key: names of one file stay names of one file */
  private restoreFolder(key: string, to: string, made: Map<string, string>, mode = '755'): void {
    mkdirSync(to, { mode: Number.parseInt(mode, 8) })
    for (const each of this.namesOf(key)) {
      const path = join(to, each.name)
      if (each.kind === 'l') symlinkSync(each.key, path)
      else if (each.kind === 'd') this.restoreFolder(each.key, path, made, each.mode)
      else this.restoreFile(each, path, made)
    }
  }

  private restoreFile({ key, mode }: Name, path: string, made: Map<string, string>): void {
    const other = made.get(key)
    if (other !== undefined) {
      linkSync(other, path)
      return
    }
    const bytes = join(this.shadow, 'bytes', key)
    writeFileSync(path, existsSync(bytes) ? readFileSync(bytes) : '', {
      mode: Number.parseInt(mode, 8),
    })
    made.set(key, path)
  }
}
